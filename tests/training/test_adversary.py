"""A discriminator in a loop of one's own: its update and its loss are those of the training step."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from games import curved_game, difference, start
from jax.sharding import PartitionSpec

import jaxgan
from jaxgan.losses import LOSSES, named_loss
from jaxgan.losses.penalties import PENALTIES
from jaxgan.training import step as steps
from jaxgan.training.adversary import adaptive_weight, make_adversary
from jaxgan.training.objectives import GANSpec
from jaxgan.types import DiscriminatorOutput, Network, Term


def game_of(loss="non_saturating"):
    game = curved_game()
    return game | {"loss": named_loss(loss)}


def adversary_of(game, **options):
    return make_adversary(
        discriminator=game["discriminator"], loss=game["loss"], tx=game["discriminator_tx"], **options
    )


def made_by(game, state, key, count=8):
    """The samples that the step makes for a key, as a function of the generator's parameters."""
    latents = game["latent"].sample(jax.random.split(key, 6)[0], count)
    return lambda params: game["generator"].apply({"params": params}, latents, train=True)[0]


def judge_of(adversary, state):
    """The adversary's state with the discriminator of a training state."""
    judge = adversary.init(jax.random.key(9), jnp.zeros((2, 3)))
    return jax.tree_util.tree_unflatten(
        jax.tree.structure(judge), [judge.step, judge.key, *jax.tree.leaves(state.discriminator)]
    )


@pytest.mark.parametrize("loss", LOSSES)
def test_it_is_the_discriminators_half_of_a_step(loss):
    game, penalties = game_of(loss), [PENALTIES["r1"](0.5)]
    spec, adversary = GANSpec(**game, penalties=penalties), adversary_of(game, penalties=penalties)
    state, key = start(game, example_shape=(3,)), jax.random.key(3)
    real = jax.random.uniform(jax.random.key(5), (8, 3))
    make = made_by(game, state, key)
    player, metrics = steps.discriminator_update(spec, state, key, real)
    judge, own_metrics = jax.jit(adversary.update)(judge_of(adversary, state), make(state.generator.params), real)
    assert difference(player, judge.player) < 1e-6 and int(judge.step) == 1
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6), metrics, own_metrics)


@pytest.mark.parametrize("loss", LOSSES)
def test_its_loss_gives_the_generators_gradient(loss):
    game = game_of(loss)
    spec, adversary = GANSpec(**game), adversary_of(game)
    state, key = start(game, example_shape=(3,)), jax.random.key(3)
    real = jax.random.uniform(jax.random.key(5), (8, 3))
    make, judge = made_by(game, state, key), judge_of(adversary, state)
    wanted = steps.generator_gradient(spec, state, key, real)
    value, grads = jax.jit(jax.value_and_grad(lambda params: adversary.loss(judge, make(params), real)))(
        state.generator.params
    )
    np.testing.assert_allclose(value, wanted.loss, rtol=1e-5)
    assert difference(grads, wanted.grads) < 1e-6 and difference(wanted.grads, jax.tree.map(jnp.zeros_like, grads)) > 0


def test_the_loss_does_not_train_the_discriminator_nor_the_update_the_model():
    game = game_of()
    adversary = adversary_of(game)
    judge = adversary.init(jax.random.key(0), jnp.zeros((2, 3)))
    real, fake = jnp.ones((8, 3)), jnp.zeros((8, 3))
    through_the_update = jax.grad(lambda x: adversary.update(judge, x, real)[1]["d_loss"])(fake)
    assert not through_the_update.any()
    assert jax.grad(lambda x: adversary.loss(judge, x, real))(fake).any()


def test_both_sides_reverse_the_gradient():
    # Ganin's layer: the features' gradient is minus the discriminator's loss, on both domains.
    game = game_of("minimax")
    adversary = adversary_of(game | {"loss": jaxgan.losses.both_sides(game["loss"])})
    judge = adversary.init(jax.random.key(0), jnp.zeros((2, 3)))
    sides = jax.random.normal(jax.random.key(1), (2, 8, 3))

    def minus_d_loss(sides):
        logits = [game["discriminator"].apply(judge.player.variables, side, train=True)[0] for side in sides]
        return -LOSSES["minimax"].discriminator(logits[1], logits[0])

    wanted, found = jax.grad(minus_d_loss)(sides), jax.grad(lambda x: adversary.loss(judge, *x))(sides)
    np.testing.assert_allclose(found, wanted, atol=1e-7)
    assert np.abs(wanted).min() > 0


@pytest.mark.medium
@pytest.mark.parametrize("loss", ["non_saturating", "relativistic_average", "relativistic_paired"])
def test_four_devices_are_one(loss):
    game, real, fake = game_of(loss), *jax.random.uniform(jax.random.key(5), (2, 8, 3))
    penalties = [PENALTIES["gradient_penalty"](0.5)]  # draws a point between the examples of each pair
    plain, mapped = (adversary_of(game, penalties=penalties, axis_name=name) for name in (None, "devices"))
    judge = plain.init(jax.random.key(0), real)
    shared, rows = PartitionSpec(), PartitionSpec("devices")
    mesh = jax.make_mesh((4,), ("devices",), axis_types=(jax.sharding.AxisType.Auto,))

    def both(adversary, judge, fake, real):
        value, grads = jax.value_and_grad(lambda shift: adversary.loss(judge, fake + shift[None], real))(jnp.zeros(3))
        judge, metrics = adversary.update(judge, fake, real)
        return value, grads, judge.player, metrics

    def on_a_device(judge, fake, real):
        here = jax.lax.pcast(jnp.zeros(3), "devices", to="varying")
        value, grads = jax.value_and_grad(lambda shift: mapped.loss(judge, fake + shift[None], real))(here)
        after, metrics = mapped.update(judge, fake, real)
        return *jax.lax.pmean((value, grads), "devices"), after.player, metrics

    four = jax.jit(jax.shard_map(on_a_device, mesh=mesh, in_specs=(shared, rows, rows), out_specs=shared))
    wanted, found = both(plain, judge, fake, real), four(judge, fake, real)
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6), wanted, found)


def test_lazy_penalties_count_its_updates():
    game = game_of()
    each, lazy = (
        adversary_of(game, penalties=[p])
        for p in (PENALTIES["r1"](2.0), jaxgan.penalties.lazy(PENALTIES["r1"](1.0), 2))
    )
    none = adversary_of(game)
    judge, sides = each.init(jax.random.key(0), jnp.zeros((2, 3))), jax.random.uniform(jax.random.key(5), (2, 8, 3))
    first, one = lazy.update(judge, *sides)[0], each.update(judge, *sides)[0]
    assert difference(first.player, one.player) < 1e-6
    assert difference(lazy.update(first, *sides)[0].player, none.update(first, *sides)[0].player) < 1e-6


def test_terms_read_every_layers_features():
    inner = game_of()["discriminator"]

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        logits, state = inner.apply(variables, inputs, condition=condition, key=key, train=train)
        return DiscriminatorOutput([logits], {"first": inputs, "second": 2 * inputs}), state

    judging, sides = Network(inner.init, apply), jax.random.uniform(jax.random.key(5), (2, 8, 3))
    only_terms = jaxgan.losses.weigh_generator(LOSSES["least_squares"], 0.0)
    options = {"discriminator": judging, "tx": optax.sgd(0.1), "loss": only_terms}
    adversary = make_adversary(**options, terms=[jaxgan.TERMS["feature_distance"](3.0)])
    judge = adversary.init(jax.random.key(0), sides[0])
    np.testing.assert_allclose(adversary.loss(judge, *sides), 9 * np.abs(sides[0] - sides[1]).mean(), rtol=1e-6)
    matching = make_adversary(**options, terms=[jaxgan.TERMS["feature_matching"](1.0)])
    wanted = 5 * np.square(np.subtract(*np.mean(sides, 1))).sum()
    np.testing.assert_allclose(matching.loss(judge, *sides), wanted, rtol=1e-5)


def test_pytrees_and_conditions_reach_the_discriminator():
    def judge(variables, inputs, *, condition=None, key=None, train=False):
        return variables["params"] * (inputs["left"].sum(1) - inputs["right"].sum(1)) * condition, {}

    network = Network(lambda key, inputs, condition=None: {"params": jnp.ones(())}, judge)
    adversary = make_adversary(discriminator=network, loss=LOSSES["wasserstein"], tx=optax.sgd(1.0))
    fake = {"left": jnp.full((4, 2), 3.0), "right": jnp.ones((4, 1))}
    real, condition = jax.tree.map(jnp.zeros_like, fake), jnp.array([1.0, 1, 1, 3])
    state = adversary.init(jax.random.key(0), real, condition)
    assert float(adversary.loss(state, fake, real, condition)) == pytest.approx(-5 * 1.5)
    assert float(adversary.update(state, fake, real, condition)[0].player.params) == pytest.approx(1 - 5 * 1.5)


def test_mistakes_are_told_in_one_sentence():
    game, x = game_of(), jnp.zeros((4, 3))
    adversary = adversary_of(game)
    state = adversary.init(jax.random.key(0), x)
    for call, message in (
        (lambda: adversary.update(state, x, x[:2]), r"same shapes \[batch, ...\], got \(4, 3\) and \(2, 3\)"),
        (lambda: adversary.loss(state, x, x.astype(int)), "real must be floats"),
        (lambda: adversary.loss(state, x, x, jnp.zeros(3)), r"condition must be \[4, ...\]"),
        (lambda: adversary.update(start(game, example_shape=(3,)), x, x), "state must be an AdversaryState"),
        (lambda: adversary_of(game | {"discriminator": None}), "discriminator must be"),
        (lambda: adversary_of(game | {"loss": "hinge"}), "got the name 'hinge'"),
        (lambda: adversary_of(game | {"discriminator_tx": optax.lbfgs()}), "^tx needs the loss"),
        (
            lambda: adversary_of(game, terms=[jaxgan.TERMS["mutual_information"](1.0)]).loss(state, x, x),
            "latent with codes",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="key must be one typed key"):
        adversary.init(jax.random.PRNGKey(0), x)


def test_the_weight_of_vqgan():
    own, other = {"w": jnp.array([3.0, 4.0])}, {"w": jnp.array([0.0, 0.5])}
    assert float(adaptive_weight(own, other)) == pytest.approx(5 / 0.5001)
    assert float(adaptive_weight(own, jax.tree.map(jnp.zeros_like, own), largest=100.0)) == 100
    assert not jax.grad(lambda x: adaptive_weight({"w": x}, other))(own["w"]).any()


def test_a_term_of_ones_own_sees_both_sides():
    term = Term(None, lambda inputs: (inputs.real - inputs.fake).sum())
    game = game_of()
    plain, more = adversary_of(game), adversary_of(game, terms=[term])
    judge, sides = plain.init(jax.random.key(0), jnp.zeros((2, 3))), jax.random.uniform(jax.random.key(5), (2, 8, 3))
    gap = float(more.loss(judge, *sides) - plain.loss(judge, *sides))
    assert gap == pytest.approx(float((sides[1] - sides[0]).sum()), abs=1e-5)
