"""Algorithm 1: the pinned case, who may change what, counts, scans, traces, averages."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from games import batch_norm_game, curved_game, data, difference, dropout_game, equal, scalar_game, start, step_of

import jaxgan
from jaxgan.latents import LATENTS
from jaxgan.losses.penalties import PENALTIES, lazy
from jaxgan.parallel import distribute
from jaxgan.training.coordination import Coordination, linear_steps
from jaxgan.training.latent_optimization import LatentOptimization
from jaxgan.training.step import (
    GANSpec,
    discriminator_update,
    generate,
    generator_update,
    init_state,
    make_train_step,
    sample,
    scan_steps,
)
from jaxgan.types import DiscriminatorOutput, Latent, Network

GAMES = {"dropout": dropout_game, "batch_norm": batch_norm_game}


def test_generator_meets_the_updated_discriminator():
    # w = 0: every logit is 0. dD/dw = -sigmoid(0)·mean(1, 3) + sigmoid(0)·(-1) = -1 - .5 = -1.5, so w = 0.15.
    # dG/dθ = -sigmoid(-wθ)·w = -sigmoid(.15)·.15 = -0.0806145, so θ = -1 + .00806145. Simultaneous: θ stays -1.
    game = scalar_game()
    state, metrics = make_train_step(**game)(start(game, example_shape=()), {"real": jnp.array([[1.0, 3.0]])})
    np.testing.assert_allclose(state.discriminator.params["w"], 0.15, atol=1e-7)
    np.testing.assert_allclose(state.generator.params["theta"], -0.99193853, atol=1e-7)
    np.testing.assert_allclose(metrics["d_loss"], 2 * np.log(2), rtol=1e-6)
    np.testing.assert_allclose(metrics["d_gradient_norm"], 1.5, rtol=1e-6)
    np.testing.assert_allclose(metrics["g_gradient_norm"], 0.0806145, rtol=1e-5)
    # softplus(.15): the generator's loss against the updated w
    np.testing.assert_allclose(metrics["g_loss"], 0.7709571, rtol=1e-6)


def test_each_of_k_updates_sees_its_own_minibatch():
    # As above, w = .15 after the first minibatch. Second, x = [5, 5], fake -1:
    # dD/dw = -5·sigmoid(-.75) + (-1)·sigmoid(-.15) = -1.604106 - .462570 = -2.066676, so w = .15 + .2066676.
    game = scalar_game()
    step = make_train_step(**game, discriminator_steps=2)
    state, _ = step(start(game, example_shape=()), {"real": jnp.array([[1.0, 3.0], [5.0, 5.0]])})
    np.testing.assert_allclose(state.discriminator.params["w"], 0.3566676, atol=1e-6)


def test_minimax_generator_update_is_not_the_non_saturating_one():
    # -softplus(l): dG/dθ = -sigmoid(wθ)·w = -sigmoid(-.15)·.15 = -.0693855
    game = scalar_game("minimax")
    state, _ = make_train_step(**game)(start(game, example_shape=()), {"real": jnp.array([[1.0, 3.0]])})
    np.testing.assert_allclose(state.generator.params["theta"], -1 + 0.00693855, atol=1e-7)


@pytest.mark.medium
@pytest.mark.parametrize("name", GAMES)
def test_an_update_leaves_the_other_player_bit_identical(name):
    parts = GAMES[name]()
    state = start(parts)
    game = GANSpec(**parts)
    real = data(1)["real"][0, 0]
    player, _ = jax.jit(functools.partial(discriminator_update, game))(state, jax.random.key(5), real)
    after = state.replace(discriminator=player)
    assert equal(after.generator, state.generator)
    assert not equal(after.discriminator.params, state.discriminator.params)
    player, _ = jax.jit(functools.partial(generator_update, game))(after, jax.random.key(6), real)
    last = after.replace(generator=player)
    assert equal(last.discriminator, after.discriminator)
    assert not equal(last.generator.params, after.generator.params)
    if name == "batch_norm":
        assert not equal(after.discriminator.model_state, state.discriminator.model_state)
        assert not equal(last.generator.model_state, after.generator.model_state)


def _counts(opt_state):
    return [int(count) for _, count in optax.tree_utils.tree_get_all_with_path(opt_state, "count")]


@pytest.mark.parametrize(("k", "m"), [(1, 1), (5, 1), (1, 2), (3, 2)])
def test_optimizers_count_k_to_m(k, m):
    adam = {"generator_tx": optax.adam(1e-3), "discriminator_tx": optax.adam(1e-3)}
    game = scalar_game("minimax") | adam
    step = jax.jit(make_train_step(**game, discriminator_steps=k, generator_steps=m))
    state, batches = start(game, example_shape=()), data(4, k, shape=())
    for i in range(4):
        state, _ = step(state, step_of(batches, i))
    assert _counts(state.discriminator.opt_state) == [4 * k]
    assert _counts(state.generator.opt_state) == [4 * m]
    assert int(state.step) == 4


@pytest.mark.parametrize(
    ("name", "average_decay"), [pytest.param("batch_norm", None, marks=pytest.mark.slow), ("dropout", 0.9)]
)
def test_scanned_steps_are_single_steps_bit_for_bit(name, average_decay):
    game = GAMES[name]()
    step = make_train_step(**game, discriminator_steps=2, average_decay=average_decay)
    batches = data(7, 2)
    state, single = start(game), []
    compiled = jax.jit(step)
    for i in range(7):
        state, metrics = compiled(state, step_of(batches, i))
        single.append(metrics)
    scanned, metrics = jax.jit(scan_steps(step))(start(game), batches)
    assert equal(scanned, state)
    assert equal(metrics, jax.tree.map(lambda *leaves: jnp.stack(leaves), *single))


@pytest.mark.slow
@pytest.mark.parametrize("name", GAMES)
def test_at_most_one_trace(name):
    game = GAMES[name]()
    chex.clear_trace_counter()
    step = jax.jit(chex.assert_max_traces(make_train_step(**game, average_decay=0.9), n=1))
    state, batches = start(game, average=True), data(3)
    for i in range(3):
        state, _ = step(state, step_of(batches, i))
    assert int(state.step) == 3


@pytest.mark.medium
def test_every_step_draws_anew_and_the_same_state_draws_the_same():
    game = dropout_game()
    step, state, batch = jax.jit(make_train_step(**game)), start(game), step_of(data(1), 0)
    (first, a), (_, again) = step(state, batch), step(state, batch)
    assert equal(a, again)
    _, b = step(state.replace(step=state.step + 1), batch)  # the same parameters, another step: other latents
    assert a["d_fake_logit"] != b["d_fake_logit"]
    assert equal(first.key, state.key)


def test_average_follows_its_formula_and_is_what_sample_uses():
    game = scalar_game()
    step = make_train_step(**game, average_decay=0.75)
    state = start(game, example_shape=())
    average = -1.0
    for _ in range(3):
        state, _ = step(state, {"real": jnp.array([[1.0, 3.0]])})
        average = 0.75 * average + 0.25 * float(state.generator.params["theta"])
    np.testing.assert_allclose(state.average_params["theta"], average, rtol=1e-6)
    drawn = sample(game["generator"], state, jax.random.key(0), 4, latent=game["latent"])
    np.testing.assert_allclose(drawn, np.full(4, average), rtol=1e-6)
    plain = sample(game["generator"], state.replace(average_params=None), jax.random.key(0), 4, latent=game["latent"])
    np.testing.assert_allclose(plain, np.full(4, state.generator.params["theta"]), rtol=1e-6)


def test_a_debiased_average_forgets_the_first_parameters():
    game = scalar_game()
    step = jax.jit(make_train_step(**game, average_decay=0.9, average_debias=True))
    state, thetas = start(game, example_shape=(), average=True), []
    for n in range(1, 5):
        state, _ = step(state, {"real": jnp.array([[1.0, 3.0]])})
        thetas.append(float(state.generator.params["theta"]))
        weights = 0.9 ** np.arange(n - 1, -1, -1)
        np.testing.assert_allclose(state.average_params["theta"], np.average(thetas, weights=weights), rtol=1e-5)
    with pytest.raises(ValueError, match="give average_decay, too"):
        make_train_step(**game, average_debias=True)
    # With β = 0 it is the newest, as without it.
    step = jax.jit(make_train_step(**game, average_decay=0.0, average_debias=True))
    state, _ = step(state, {"real": jnp.array([[1.0, 3.0]])})
    np.testing.assert_allclose(state.average_params["theta"], state.generator.params["theta"])


@pytest.mark.slow
def test_an_averaged_generator_has_batch_statistics_of_its_own():
    game = batch_norm_game()
    step = jax.jit(make_train_step(**game, average_decay=0.95))
    state, batches = start(game, average=True), data(40)
    for i in range(40):
        state, _ = step(state, step_of(batches, i))

    def mean(variables):
        return variables["batch_stats"]["BatchNorm_0"]["mean"]

    # The mean moves a tenth of the way to z̄ᵀW, for a mean z̄ of 8 latents and the averaged weights W [4, 16].
    after, _ = step(state, step_of(batches, 0))
    moved = (mean(after.average_state) - 0.9 * mean(state.average_state)) / 0.1

    def gap(params):
        weights = np.asarray(params["Dense_0"]["kernel"])
        return np.abs(np.linalg.lstsq(weights.T, np.asarray(moved))[0] @ weights - moved).max()

    assert gap(after.average_params) < 1e-5 and gap(after.generator.params) > 1e-3
    state, latents = after, jax.random.normal(jax.random.key(0), (4, 4))
    # Samples are by these statistics.
    variables = {"params": state.average_params, **state.average_state}
    made = game["generator"].apply(variables, latents)[0]
    np.testing.assert_allclose(generate(game["generator"], state, latents), made, rtol=1e-6)
    # The game does not depend on the average.
    plain = jax.jit(make_train_step(**game))(start(game), step_of(batches, 0))[0]
    averaged = step(start(game, average=True), step_of(batches, 0))[0]
    assert difference((plain.generator, plain.discriminator), (averaged.generator, averaged.discriminator)) < 1e-6
    # A state without them, as earlier versions had it, gets them, in single steps and in scans.
    earlier = state.replace(average_state=None)
    alone, _ = step(earlier, step_of(batches, 0))
    scanned, _ = jax.jit(scan_steps(make_train_step(**game, average_decay=0.95)))(earlier, data(1))
    np.testing.assert_allclose(mean(alone.average_state), mean(scanned.average_state), rtol=1e-6)


def test_a_penalty_is_added_to_the_discriminators_loss_alone():
    # 10·mean(real logits): with w = 0 its gradient in w is 10·mean(1, 3) = 20, beside the -1.5 of the loss.
    game = scalar_game()
    step = make_train_step(**game, penalties=[lambda critic, real, fake, key: 10 * critic(real).mean()])
    state, metrics = step(start(game, example_shape=()), {"real": jnp.array([[1.0, 3.0]])})
    np.testing.assert_allclose(state.discriminator.params["w"], -0.1 * 18.5, rtol=1e-6)
    np.testing.assert_allclose(metrics["d_gradient_norm"], 18.5, rtol=1e-6)


def test_a_discriminator_may_return_more_than_logits():
    game = scalar_game()
    bare = game["discriminator"]

    def judge(variables, inputs, **options):
        logits, model_state = bare.apply(variables, inputs, **options)
        return DiscriminatorOutput(logits, features=inputs[:, None]), model_state

    state, _ = make_train_step(**game | {"discriminator": Network(bare.init, judge)})(
        start(game, example_shape=()), {"real": jnp.array([[1.0, 3.0]])}
    )
    np.testing.assert_allclose(state.generator.params["theta"], -0.99193853, atol=1e-7)


def test_a_condition_reaches_both_players():
    seen = []

    def init(key, inputs, condition=None):
        seen.append(("init", condition.shape))
        return {"params": {"w": jnp.ones(())}}

    def judge(variables, inputs, *, condition=None, key=None, train=False):
        seen.append(("discriminator", condition.shape))
        return variables["params"]["w"] * inputs * condition, {}

    def generate(variables, latents, *, condition=None, key=None, train=False):
        seen.append(("generator", condition.shape))
        return variables["params"]["w"] * condition, {}

    game = scalar_game() | {"generator": Network(init, generate), "discriminator": Network(init, judge)}
    parts = {name: value for name, value in game.items() if name != "loss"}
    state = init_state(jax.random.key(0), **parts, example=jnp.zeros(2), condition=jnp.zeros(2))
    assert set(seen) == {("init", (2,)), ("discriminator", (2,)), ("generator", (2,))}
    seen.clear()
    batch = {"real": jnp.ones((1, 3)), "condition": jnp.arange(3.0)[None]}
    make_train_step(**game)(state, batch)
    assert set(seen) == {("discriminator", (3,)), ("generator", (3,))}
    drawn = sample(
        game["generator"], state, jax.random.key(0), 3, latent=LATENTS["normal"](1), condition=jnp.arange(3.0)
    )
    np.testing.assert_array_equal(drawn, [0, 1, 2])


def test_every_draw_of_a_step_has_a_key_of_its_own():
    seen = []

    def note(key):
        if key is not None:
            seen.append(tuple(map(int, jax.random.key_data(key))))

    def judge(variables, inputs, *, condition=None, key=None, train=False):
        note(key)
        return variables["params"]["w"] * inputs, {}

    def generate(variables, latents, *, condition=None, key=None, train=False):
        note(key)
        return jnp.broadcast_to(variables["params"]["theta"], (latents.shape[0],)), {}

    def penalty(critic, real, fake, key):
        note(key)
        return critic(real).mean()

    def draw(key, count):
        note(key)
        return jnp.zeros((count, 1))

    game = scalar_game()
    game |= {
        "discriminator": Network(game["discriminator"].init, judge),
        "generator": Network(game["generator"].init, generate),
        "latent": Latent(draw, 1),
    }
    state = start(scalar_game(), example_shape=())
    step = make_train_step(**game, discriminator_steps=3, generator_steps=2, penalties=[penalty, penalty])
    with jax.disable_jit():
        state, _ = step(state, {"real": jnp.ones((3, 2))})
        step(state, {"real": jnp.ones((3, 2))})
    # In each of 3 discriminator updates: a latent, a generator, 2 penalties and 4 judgements, 2 by the penalties,
    # which see the same critic; in each of 2 generator updates: a latent, a generator and 2 judgements.
    assert len(seen) == 2 * (3 * 8 + 2 * 4)
    assert len(set(seen)) == 2 * (3 * 7 + 2 * 4)


def test_noise_that_is_not_drawn_per_example_differs_between_devices():
    def judge(variables, inputs, *, condition=None, key=None, train=False):
        return jax.random.normal(key, inputs.shape[:1]) + 0 * variables["params"]["w"], {}

    game = scalar_game() | {"discriminator": Network(scalar_game()["discriminator"].init, judge)}
    logits = []

    def spy(real_logits, fake_logits):
        jax.debug.callback(lambda values: logits.append(np.asarray(values)), real_logits)
        return real_logits.mean()

    factory = functools.partial(make_train_step, **game | {"loss": game["loss"]._replace(discriminator=spy)})
    step, place_state, place_batch = distribute(factory, mapping="pmap")
    jax.block_until_ready(step(place_state(start(game, example_shape=())), place_batch({"real": jnp.ones((1, 8))})))
    jax.effects_barrier()
    assert len(logits) == 4
    assert len(np.unique(np.concatenate(logits))) == 8


def test_the_fake_pass_starts_from_the_model_state_of_the_real_one():
    # A running mean with momentum .5 over the inputs: real 4, then fake -1: .5·(.5·0 + .5·4) + .5·(-1) = .5
    def judge(variables, inputs, *, condition=None, key=None, train=False):
        mean = 0.5 * variables["stats"]["mean"] + 0.5 * inputs.mean()
        return variables["params"]["w"] * inputs, {"stats": {"mean": mean}}

    def init(key, inputs, condition=None):
        return {"params": {"w": jnp.zeros(())}, "stats": {"mean": jnp.zeros(())}}

    game = scalar_game() | {"discriminator": Network(init, judge)}
    state, _ = make_train_step(**game)(start(game, example_shape=()), {"real": jnp.array([[3.0, 5.0]])})
    np.testing.assert_allclose(state.discriminator.model_state["stats"]["mean"], 0.5, rtol=1e-6)


@pytest.mark.slow
def test_real_and_fake_examples_judged_in_one_batch_are_judged_alike():
    game = dropout_game()
    assert game["discriminator"].independent
    apart = game | {"discriminator": game["discriminator"]._replace(independent=False)}
    shapes, found = [], []
    for parts in (game, apart):

        def watched(variables, inputs, *, network=parts["discriminator"], **options):
            shapes.append(inputs.shape[0])
            return network.apply(variables, inputs, **options)

        parts = parts | {"discriminator": parts["discriminator"]._replace(apply=watched)}
        condition = jnp.arange(16.0).reshape(1, 8, 2) / 16
        state = init_state(
            jax.random.key(0),
            **{name: part for name, part in parts.items() if name != "loss"},
            example=jnp.zeros((2, 6)),
            condition=condition[0, :2],
        )
        batch = {"real": step_of(data(1, 1, batch=8), 0)["real"], "condition": condition}
        shapes[:] = [count for count in shapes if count != 2]  # the examples that the state is made with
        found.append(jax.jit(make_train_step(**parts))(state, batch))
    assert shapes.count(16) == 1 and set(shapes) == {8, 16}
    together, separate = ((state.discriminator, state.generator, metrics) for state, metrics in found)
    chex.assert_trees_all_close(together, separate, rtol=1e-4, atol=1e-5)  # Adam's first step divides by the gradient


@pytest.mark.parametrize("average", [False, True])
def test_a_loop_starts_the_average_of_any_function_around_a_step(average):
    # θ = -1 stays: at w = 0 and rate 0 nothing moves but the average, .9^2·a + (1 - .9^2)·θ from a = θ or a = 2.
    game = scalar_game() | {"generator_tx": optax.sgd(0.0), "discriminator_tx": optax.sgd(0.0)}
    step = make_train_step(**game, average_decay=0.9)

    def wrapper(state, batch):
        return step(state, batch)

    first = start(game, example_shape=(), average=average)
    first = first.replace(average_params={"theta": jnp.float32(2.0)}) if average else first
    state, metrics = scan_steps(wrapper)(first, data(2, shape=()))
    np.testing.assert_allclose(state.average_params["theta"], 0.81 * 2 - 0.19 if average else -1, rtol=1e-6)
    assert int(state.step) == 2 and metrics["d_loss"].shape == (2,)
    without = scan_steps(make_train_step(**game))
    if average:  # which would never move
        with pytest.raises(
            ValueError, match="the state has an average, which this step would never move; give make_tr"
        ):
            without(first, data(2, shape=()))
    else:
        assert without(first, data(2, shape=()))[0].average_params is None


def test_an_error_of_a_network_names_the_player_and_the_shapes():
    def broken(variables, inputs, *, condition=None, key=None, train=False):
        raise TypeError("no such layer")

    for player, inputs in (("generator", "(16, 2)"), ("discriminator", "(16, 3)")):
        game = curved_game()
        state = start(game, example_shape=(3,))
        step = make_train_step(**game | {player: game[player]._replace(apply=broken)})
        with pytest.raises(TypeError, match="no such layer") as error:
            jax.jit(step)(state, {"real": jnp.zeros((1, 16, 3))})
        assert f"jaxgan: raised by the {player}, for inputs {inputs}, condition None" in error.value.__notes__


@pytest.mark.parametrize(
    "options",
    [
        {"average_decay": 0.9, "generator_steps": 2, "penalties": [lazy(PENALTIES["r1"](0.1), 2)]},
        {"accumulation_steps": 2, "consensus": 0.1, "penalties": [PENALTIES["gradient_penalty"](0.1)]},
        {"unrolled_steps": 2, "latent_optimization": LatentOptimization(0.5, 0.1, 0.2)},
        {"extragradient": True, "penalties": [PENALTIES["dragan"](0.1)]},
        {"discriminator_steps": 3, "coordination": Coordination(linear_steps(1, 3, 10), 0.9)},
    ],
)
def test_a_step_mixes_no_types(options):
    """Under JAX's strict type promotion. optax's Adam is not that strict, so this is plain gradient descent."""
    with jax.numpy_dtype_promotion("strict"):
        game, batches = curved_game(), data(2, options.get("discriminator_steps", 1), shape=(3,))
        state = start(game, example_shape=(3,), average="average_decay" in options)
        after, metrics = jax.eval_shape(scan_steps(make_train_step(**game, **options)), state, batches)
    assert after == jax.eval_shape(lambda: state)
    assert {metric.dtype.name for metric in metrics.values()} == {"float32"} and metrics["d_loss"].shape == (2,)


@pytest.mark.parametrize("options", [{"discriminator_steps": 0}, {"generator_steps": 0}, {"average_decay": 1.0}])
def test_bad_counts_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        make_train_step(**scalar_game(), **options)


@pytest.mark.parametrize("shape", [(2, 8, 6), (8,), (1,)])
def test_a_batch_without_its_leading_k_axis_is_refused(shape):
    game = dropout_game()
    with pytest.raises(ValueError, match=r"\[k, batch"):
        make_train_step(**game)(start(game), {"real": jnp.zeros(shape)})
    with pytest.raises(ValueError, match="real"):
        make_train_step(**game)(start(game), {"images": jnp.zeros((1, 8, 6))})


@pytest.mark.parametrize(("dtype", "said"), [("uint8", "scale"), ("int32", "first make bytes"), ("bool", "times 255")])
def test_whole_numbers_where_floats_are_meant_are_refused(dtype, said):
    game = dropout_game()
    images = (np.arange(48).reshape(1, 8, 6) * 5).astype(dtype)
    with pytest.raises(
        ValueError, match=rf'batch\["real"\] must be floats .*, got {dtype}.*RANGES\["unit"\].scale.*'
    ) as caught:
        make_train_step(**game)(start(game), {"real": images})
    assert said in str(caught.value)
    parts = {name: part for name, part in game.items() if name not in ("loss", "penalties")}
    with pytest.raises(ValueError, match=f"example must be floats .*, got {dtype}"):
        init_state(jax.random.key(0), **parts, example=images[0])


@pytest.mark.medium
def test_what_the_message_says_makes_bytes_trainable():
    game = dropout_game()
    images = np.arange(48, dtype=np.uint8).reshape(1, 8, 6)
    _, metrics = make_train_step(**game)(start(game), {"real": jaxgan.RANGES["unit"].scale(images)})
    assert np.isfinite(metrics["d_loss"])
    for other in (np.int64, np.bool_):
        with pytest.raises(ValueError, match="only bytes and floats are scaled"):
            jaxgan.RANGES["unit"].scale(images.astype(other))


@pytest.mark.parametrize(
    ("entry", "near"), [("labels", "condition"), ("label", "condition"), ("conditions", "condition"), ("reals", "real")]
)
def test_an_entry_of_a_batch_that_no_step_reads_is_refused_with_the_nearest_name(entry, near):
    game = dropout_game()
    batch = {"real": jnp.zeros((1, 8, 6)), entry: jnp.zeros((1, 8))}
    with pytest.raises(ValueError, match=f'entry "{entry}", which no step reads; did you mean "{near}"'):
        make_train_step(**game)(start(game), batch)


def test_logits_with_a_trailing_axis_are_those_without():
    game = scalar_game()
    bare = game["discriminator"]

    def judge(variables, inputs, **options):
        return bare.apply(variables, inputs, **options)[0][:, None], {}

    # [n, 1] against [n] would be [n, n] pairs: the numbers are those of the first test here.
    step = make_train_step(**game | {"discriminator": Network(bare.init, judge)})
    state, _ = step(start(game, example_shape=()), {"real": jnp.array([[1.0, 3.0]])})
    np.testing.assert_allclose(state.discriminator.params["w"], 0.15, atol=1e-7)
    np.testing.assert_allclose(state.generator.params["theta"], -0.99193853, atol=1e-7)


def test_an_untyped_key_is_refused():
    game = {name: value for name, value in scalar_game().items() if name != "loss"}
    with pytest.raises(TypeError, match=r"jax\.random\.key"):
        init_state(jax.random.PRNGKey(0), **game, example=jnp.zeros(2))


def test_a_loss_by_name_and_a_bare_penalty_are_answered_with_what_to_pass():
    game = scalar_game()
    with pytest.raises(ValueError, match=r'got the name .hinge.; pass LOSSES\["hinge"\]'):
        make_train_step(**game | {"loss": "hinge"})
    with pytest.raises(ValueError, match="got one function; put it in a list"):
        make_train_step(**game, penalties=lambda critic, real, fake, key: 0.0)


def test_accumulated_gradients_are_those_of_the_whole_batch():
    # The pinned case, a part for each of real 1 and 3: D's gradient is -x/2 - .5 over each, -1.5 as their mean.
    game = scalar_game()
    state, metrics = make_train_step(**game, accumulation_steps=2)(
        start(game, example_shape=()), {"real": jnp.array([[1.0, 3.0]])}
    )
    np.testing.assert_allclose(state.discriminator.params["w"], 0.15, atol=1e-7)
    np.testing.assert_allclose(state.generator.params["theta"], -0.99193853, atol=1e-7)
    np.testing.assert_allclose(metrics["d_gradient_norm"], 1.5, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("parts", [2, 8])
def test_accumulation_draws_the_same_noise_for_every_example(parts):
    game, batches = dropout_game(), data(3, 2)
    state, expected = start(game), start(game)
    whole = jax.jit(make_train_step(**game, discriminator_steps=2))
    step = jax.jit(make_train_step(**game, discriminator_steps=2, accumulation_steps=parts))
    for i in range(3):
        expected, expected_metrics = whole(expected, step_of(batches, i))
        state, metrics = step(state, step_of(batches, i))
    state, expected = (s.replace(key=jax.random.key_data(s.key)) for s in (state, expected))
    chex.assert_trees_all_close((state, metrics), (expected, expected_metrics), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_accumulation_with_a_condition_and_batch_statistics_and_a_batch_that_does_not_divide():
    game = batch_norm_game()
    step = jax.jit(make_train_step(**game, accumulation_steps=2))
    state, _ = step(start(game), step_of(data(1), 0))
    whole, _ = jax.jit(make_train_step(**game))(start(game), step_of(data(1), 0))
    # D's statistics move once for real and once for fake examples of every part: 1 - .9^n of the way, from 0.
    means = [s.discriminator.model_state["batch_stats"]["BatchNorm_0"]["mean"] for s in (state, whole)]
    ratio = np.linalg.norm(means[0]) / np.linalg.norm(means[1])
    assert abs(ratio - (1 - 0.9**4) / (1 - 0.9**2)) < 0.1
    with pytest.raises(ValueError, match=r"batch of 8 does not divide into accumulation_steps=3"):
        make_train_step(**game, accumulation_steps=3)(start(game), step_of(data(1), 0))
    with pytest.raises(ValueError, match="accumulation_steps must be at least 1, got 0"):
        make_train_step(**game, accumulation_steps=0)


def _mine(**changes):
    parts = {
        "init": lambda key, inputs, condition=None: {"params": jnp.ones(())},
        "apply": lambda variables, inputs, *, condition=None, key=None, train=False: (inputs * variables["params"], {}),
    }
    return Network(**(parts | changes))


@pytest.mark.parametrize(
    ("player", "network", "said"),
    [
        ("generator", _mine(init=lambda key, inputs: {}), "init could not be called: .*unexpected keyword.*see help"),
        ("generator", _mine(init=lambda key, inputs, condition=None: jnp.ones(2)), 'init must return {"params": ...}'),
        ("discriminator", _mine(apply=lambda variables, x: (x, {})), "apply could not be called: .*'condition'"),
        ("discriminator", _mine(apply=lambda v, x, **_: x), r"apply must return \(outputs, model_state\), got"),
        (
            "generator",
            _mine(apply=lambda v, x, **_: (x[:, None], {})),
            r"makes examples \(1,\), and the data's are \(\)",
        ),
        ("discriminator", _mine(apply=lambda v, x, **_: (x.mean(), {})), r"logits \[batch\] or .*, got \[\(\)\]"),
    ],
)
def test_a_network_that_is_none_is_answered_in_a_sentence(player, network, said):
    game = scalar_game() | {player: network}
    if player == "generator":
        game["latent"] = Latent(lambda key, count: jnp.zeros(count), 1)
    parts = {name: value for name, value in game.items() if name != "loss"}
    with pytest.raises(ValueError, match=said):
        init_state(jax.random.key(0), **parts, example=jnp.zeros(2))


def test_a_flax_module_that_does_not_follow_the_interface_is_answered_with_it():
    linen = pytest.importorskip("flax.linen", reason="needs flax: pip install 'jaxgan[train]'")
    module = linen.Dense(1)  # takes neither a condition nor `train`
    parts = {name: value for name, value in scalar_game().items() if name != "loss"}
    network, example = Network(module.init, module.apply), jnp.zeros((2, 1))
    with pytest.raises(ValueError, match="init could not be called: .*'condition'; a Network is init"):
        init_state(jax.random.key(0), **parts | {"discriminator": network}, example=example)
    with pytest.raises(ValueError, match=r"discriminator must be a jaxgan.Network\(init, apply\), got a Dense"):
        init_state(jax.random.key(0), **parts | {"discriminator": module}, example=example)
    with pytest.raises(ValueError, match=r"discriminator must be a jaxgan.Network\(init, apply\), got a Dense"):
        make_train_step(**scalar_game() | {"discriminator": module})


def test_an_error_within_a_network_stays_what_it_is():
    def init(key, inputs, condition=None):
        raise TypeError("an unexpected keyword argument 'condition' of something else")

    parts = {name: value for name, value in scalar_game().items() if name != "loss"}
    with pytest.raises(TypeError, match="of something else"):
        init_state(jax.random.key(0), **parts | {"generator": _mine(init=init)}, example=jnp.zeros(2))


def test_what_is_made_with_an_argument_must_have_got_it():
    game = scalar_game()
    with pytest.raises(ValueError, match=r'a penalty is made with its weight: pass PENALTIES\["r1"\]\(weight\)'):
        make_train_step(**game, penalties=[PENALTIES["r1"]])
    with pytest.raises(ValueError, match="latent must be a Latent"):
        make_train_step(**game | {"latent": LATENTS["normal"]})
