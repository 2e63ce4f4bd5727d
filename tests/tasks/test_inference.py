"""Learned inference: what the players see, what each method moves, the same step on all devices, runs, and scores."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from configs import default
from jaxgan import runs
from jaxgan.config import DataFacts, build
from jaxgan.errors import UsageError
from jaxgan.latents import LATENTS
from jaxgan.losses import LOSSES, both_sides, smooth_real_labels, weigh_discriminator, weigh_generator
from jaxgan.networks import NETWORKS, maxout, mlp
from jaxgan.parallel import distribute
from jaxgan.tasks import TASKS, PlainGenerator, ScoreInputs
from jaxgan.tasks.base import prepared
from jaxgan.tasks.completions import Known, latent_searcher
from jaxgan.tasks.inference import Between, Encoded, as_pairs, encoding, judging_pairs, sheet
from jaxgan.tasks.inference_scores import corrupted, fit_encoder, measure, principal_components
from jaxgan.training.step import init_state, make_train_step
from jaxgan.types import Network, PerExample, Sides
from tests.games import difference, equal
from tests.selected import slow_but
from tests.small_runs import OF_A_FILE, assert_same_run
from tests.tasks.test_tasks import after_moving_alone, problem_texts

KEY = jax.random.key(0)


def times(start):
    """A network of one number, which multiplies."""

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        assert condition is None
        return variables["params"] * inputs, {}

    return Network(lambda key, inputs, condition=None: {"params": jnp.float32(start)}, PerExample(apply, True))


def test_what_the_players_make_and_see_by_hand():
    network = encoding(times(3.0), times(0.5), (2,), pairs=True)
    x, z = jnp.array([[4.0, 6.0]]), jnp.array([[1.0, -1.0]])
    variables = network.init(KEY, z)
    assert variables == {"params": {"generator": 3.0, "encoder": 0.5}}
    sides, state = network.apply(variables, z, condition=x, train=True)
    # (x, E(x)) = (4, 6; 2, 3) and (G(z), z) = (3, −3; 1, −1).
    np.testing.assert_array_equal(sides.real, [[4, 6, 2, 3]])
    np.testing.assert_array_equal(sides.fake, [[3, -3, 1, -1]])
    assert sides.extra is None and state == {} and network.apply.independent
    # Out of training: G(z), whatever the condition is, E(x), and G between E(x) and E(0): at a quarter 3·.75·(2, 3).
    for condition in (None, x):
        np.testing.assert_array_equal(network.apply(variables, z, condition=condition)[0], [[3, -3]])
    np.testing.assert_array_equal(network.apply(variables, z, condition=Encoded(x))[0], [[2, 3]])
    way = Between(x, jnp.zeros_like(x), jnp.array([0.25]))
    np.testing.assert_array_equal(network.apply(variables, z, condition=way)[0], [[4.5, 6.75]])
    # The regressor sees G(z) = (3, −3): E gives (1.5, −1.5), ½ away from each coordinate of z.
    beside, _ = encoding(times(3.0), times(0.5), (2,), pairs=False).apply(variables, z, train=True)
    assert beside.real is None
    np.testing.assert_array_equal(beside.fake, [[3, -3]])
    np.testing.assert_array_equal(beside.extra, [0.5])


@pytest.mark.parametrize("weight", [0.0, 0.25])
def test_the_share_of_a_regressor_s_error_that_moves_the_generator(weight):
    network, z = encoding(times(3.0), times(0.5), (2,), pairs=False, generator_weight=weight), jnp.array([[1.0, -1.0]])

    def missed(params):
        sides = network.apply({"params": params}, z, train=True)[0]
        return sides.extra.sum(), sides.fake

    # ‖E·G·z − z‖² = 2 (½·3 − 1)²: its gradients are 4·½·3 in E and 4·½·½ in G, of which G gets its share.
    gradient, fake = jax.grad(missed, has_aux=True)(network.init(KEY, z)["params"])
    np.testing.assert_array_equal(fake, [[3, -3]])
    assert gradient == {"encoder": 6.0, "generator": weight}


@pytest.mark.slow
def test_the_noise_of_a_regressor_is_its_example_s_own():
    x, keys = jnp.ones((4_000, 30)), jax.random.split(KEY, 4_000)
    found = corrupted(keys, x, noise=2.0)
    deviations = np.asarray(found - x).std(1)
    # σ ~ U(0, 2): mean 1, deviation 2/√12.
    np.testing.assert_allclose([deviations.mean(), deviations.std()], [1, 2 / 12**0.5], atol=0.05)
    assert corrupted(keys, x) is x and equal(corrupted(keys[7:9], x[7:9], noise=2.0), found[7:9])
    masked = np.asarray(jax.jit(functools.partial(corrupted, masking=0.6))(keys, x))
    assert set(np.unique(masked)) == {0.0, 1.0}
    # p ~ U(0, .6): the mean is .3; the deviation of the mean of 30 is √(.6²/12 + (.3 − .12)/30).
    np.testing.assert_allclose([1 - masked.mean(), masked.mean(1).std()], [0.3, 0.19], atol=0.01)
    z = jnp.array([[1.0, -1.0], [2.0, 0.5]])
    network = encoding(times(3.0), times(0.5), (2,), pairs=False, corruption={"noise": 1.0})
    variables, keys = network.init(KEY, z), jax.random.split(KEY, 2)
    sides = network.apply(variables, z, key=keys, train=True)[0]
    np.testing.assert_array_equal(sides.fake, 3 * z)  # the discriminator sees none of it
    assert not np.allclose(sides.extra, [0.5, 0.25 * 4.25])
    np.testing.assert_allclose(network.apply(variables, z[1:], key=keys[1:], train=True)[0].extra, sides.extra[1:])
    np.testing.assert_allclose(network.apply(variables, z, train=True)[0].extra, [0.5, 0.25 * 4.25])  # no key, no noise


def test_a_discriminator_of_pairs_sees_z_as_a_condition():
    def judge(variables, inputs, *, condition=None, key=None, train=False):
        assert inputs.shape[1:] == (2, 1) and condition.shape[1:] == (3,)
        return inputs.sum((1, 2)) + 10 * condition.sum(1), {}

    network = judging_pairs(Network(lambda key, inputs, condition=None: {"params": condition}, judge), (2, 1), 3)
    x, z = jnp.array([[[1.0], [2.0]]]), jnp.array([[1.0, 2.0, 3.0]])
    assert network.init(KEY, x, x)["params"].shape == (1, 3)
    np.testing.assert_array_equal(network.apply({"params": {}}, as_pairs(x, z))[0], [63])
    with pytest.raises(ValueError, match=r"pairs \(x, z\) are \[n, 5\], not \[1, 2, 1\]"):
        network.apply({"params": {}}, x)


def test_the_losses_of_a_generator_of_both_sides_by_hand():
    real, fake = jnp.array([0.0, 2.0]), jnp.array([1.0, -1.0])
    softplus = lambda x: np.log1p(np.exp(x))  # noqa: E731
    # −log D(fake) − log(1 − D(real)), means of two.
    expected = (softplus(-1) + softplus(1) + softplus(0) + softplus(2)) / 2
    loss = both_sides(LOSSES["non_saturating"])
    np.testing.assert_allclose(loss.generator(real, fake), expected, rtol=1e-6)
    assert loss.discriminator is LOSSES["non_saturating"].discriminator
    minimax = both_sides(LOSSES["minimax"])
    np.testing.assert_allclose(minimax.generator(real, fake), -minimax.discriminator(real, fake))
    np.testing.assert_allclose(both_sides(LOSSES["wasserstein"]).generator(real, fake), 1.0)  # E real − E fake
    # ½ E (fake − 1)² + ½ E real² = ½·(0 + 4)/2 + ½·(0 + 4)/2.
    np.testing.assert_allclose(both_sides(LOSSES["least_squares"]).generator(real, fake), 2.0)
    # Relativistic losses are of both sides already.
    for name in ("relativistic_paired", "relativistic_average"):
        swapped = both_sides(LOSSES[name]).generator(real, fake)
        np.testing.assert_allclose(swapped, LOSSES[name].generator(real, fake), rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "factor"),
    [
        (lambda loss: loss, 1),
        (lambda loss: loss._replace(), 1),
        (lambda loss: weigh_generator(loss, 1.0), 1),
        (lambda loss: weigh_generator(loss, 2.0), 2),
        (lambda loss: weigh_discriminator(loss, 2.0), 1),
        (lambda loss: smooth_real_labels(loss, 1.0), 1),
        (lambda loss: smooth_real_labels(loss, 0.9), 1),
        (lambda loss: weigh_discriminator(smooth_real_labels(loss, 0.9), 2.0), 1),
    ],
)
def test_a_changed_minimax_loss_is_still_minimax_with_a_generator_of_both_sides(change, factor):
    # V = −sp(−.3) − sp(1.2) over two, − sp(.5) − sp(2) over two, with sp(x) = log(1 + eˣ):
    # sp(−.3) = .554355, sp(1.2) = 1.463282, sp(.5) = .974077, sp(2) = 2.126928; −5.118642/2 = −2.559321.
    real, fake = jnp.array([0.3, -1.2]), jnp.array([0.5, 2.0])
    loss = change(LOSSES["minimax"])
    np.testing.assert_allclose(both_sides(loss).generator(real, fake), -2.559321 * factor, rtol=1e-6)
    np.testing.assert_allclose(
        change(both_sides(LOSSES["minimax"])).generator(real, fake), -2.559321 * factor, rtol=1e-6
    )
    np.testing.assert_array_equal(both_sides(loss).discriminator(real, fake), loss.discriminator(real, fake))


@pytest.mark.parametrize("name", ["maximum_likelihood", "f_kl", "f_jensen_shannon"])
def test_a_loss_without_a_half_for_both_sides_is_rejected(name):
    for loss in (LOSSES[name], weigh_generator(LOSSES[name], 2.0), weigh_discriminator(LOSSES[name], 2.0)):
        with pytest.raises(ValueError, match="no half for a generator of both sides"):
            both_sides(loss)


def game(method, task="inference", **changes):
    """Vectors of 6: an MLP and its encoder against maxout with dropout; `(state, factory)`."""
    fields = {} if task == "none" else {"method": method, "widths": (8,)}
    task = TASKS[task](example_shape=(6,), latent=LATENTS["uniform"](4), **fields)
    parts = {
        "generator": task.generator(mlp(output_shape=(6,), widths=(16,), output="sigmoid"), None),
        "discriminator": task.discriminator(maxout(widths=(12,), pieces=2, initial_scale=0.5), None),
        "generator_tx": optax.adam(1e-2),
        "discriminator_tx": optax.adam(1e-2),
        "latent": LATENTS["uniform"](4),
    } | changes
    given = {"example": jnp.zeros((2, 6)), "condition": task.condition and task.condition(2)}
    state = jax.jit(lambda key: init_state(key, **parts, **given))(KEY)
    step = parts | {"loss": task.loss(LOSSES["non_saturating"]), "terms": task.terms, "discriminator_steps": 2}

    def factory(axis_name, **changes):
        return prepared(make_train_step(**step | changes, axis_name=axis_name), task, axis_name)

    return state, factory


def batches(count, size=16):
    return [{"real": jax.random.uniform(jax.random.key(i), (2, size, 6))} for i in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["bigan", "joint_regressor"])
def test_the_step_is_the_same_on_four_devices(method):
    state, factory = game(method)
    found = []
    for mapping in ("jit", "pmap", "shard_map"):
        step, place_state, place_batch = distribute(factory, mapping=mapping)
        current = place_state(state)
        for batch in batches(2):
            current, metrics = step(current, place_batch(batch))
        found.append((jax.device_get(current.generator.params), jax.device_get(current.discriminator.params), metrics))
    assert difference(found[0], found[1]) < 2e-5 and difference(found[0], found[2]) < 2e-5


@pytest.mark.medium
def test_each_player_moves_itself_alone_and_the_encoder_with_the_generator():
    state, factory = game("bigan")
    after = after_moving_alone(factory, state, batches(1)[0])
    for name, other in (("generator", "discriminator"), ("discriminator", "generator")):
        assert equal(getattr(after[other], name).params, getattr(state, name).params)
        moved, before = getattr(after[other], other).params, getattr(state, other).params
        parts = ("generator", "encoder") if other == "generator" else tuple(moved)
        assert not any(equal(moved[part], before[part]) for part in parts)


@pytest.mark.slow
def test_a_regressor_beside_the_game_leaves_it_as_it_is():
    plainly = {f"{player}_tx": optax.sgd(0.1) for player in ("generator", "discriminator")}  # it scales no rounding up
    (plain, step_plain), (state, step) = game("", task="none", **plainly), game("joint_regressor", **plainly)
    assert equal(state.generator.params["generator"], plain.generator.params)
    steps, start = (jax.jit(step_plain(None)), jax.jit(step(None))), state
    for batch in batches(3, size=4):
        plain, state = steps[0](plain, batch)[0], steps[1](state, batch)[0]
    assert difference(state.discriminator.params, plain.discriminator.params) < 1e-6
    assert difference(state.generator.params["generator"], plain.generator.params) < 1e-6
    assert not equal(state.generator.params["encoder"], start.generator.params["encoder"])


@pytest.mark.slow
def test_codes_of_latents_on_a_sphere_are_on_it_and_so_is_the_way_between_them():
    latent = LATENTS["sphere"](4)
    options = {"example_shape": (6,), "latent": latent, "method": "joint_regressor", "widths": (8,)}
    network = TASKS["inference"](**options).generator(times(1.0), None)
    z, x = latent.sample(KEY, 5), jax.random.normal(KEY, (5, 6))
    way = Between(x, x[::-1], jnp.full(5, 0.5))

    @jax.jit
    def made(key):
        variables = network.init(key, z)
        return tuple(network.apply(variables, z, condition=asked)[0] for asked in (Encoded(x), way))

    codes, halfway = map(np.asarray, made(KEY))  # G(z) = z here
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 2, rtol=1e-5)
    middle = np.asarray(codes + codes[::-1])
    np.testing.assert_allclose(halfway, 2 * middle / np.linalg.norm(middle, axis=1, keepdims=True), rtol=1e-4)
    # On the circle of radius √2 (1, 1) is nearest to both.
    given = np.array([[0.5, 0.5], [3.0, 3.0]], np.float32)
    found = latent_searcher(lambda z: z, LATENTS["sphere"](2))(Known(given, np.ones_like(given)), KEY)
    np.testing.assert_allclose(found, [[1, 1], [1, 1]], atol=0.15)


@pytest.mark.medium
def test_a_batch_norm_of_the_encoder_keeps_its_own_statistics():
    task = TASKS["inference"](example_shape=(6,), latent=LATENTS["uniform"](4), widths=(8,), normalization="batch")
    network = task.generator(mlp(output_shape=(6,), widths=(5,), normalization="batch"), None)
    x, z = jax.random.normal(KEY, (16, 6)) + 3, jnp.ones((16, 4))
    variables = jax.jit(network.init)(KEY, z)
    assert set(variables["batch_stats"]) == {"generator", "encoder"}
    made, state = jax.jit(lambda variables: network.apply(variables, z, condition=x, key=KEY, train=True))(variables)
    assert isinstance(made, Sides) and jax.tree.structure(state["batch_stats"]) == jax.tree.structure(
        variables["batch_stats"]
    )
    assert not equal(state["batch_stats"]["encoder"], variables["batch_stats"]["encoder"])
    assert equal(network.apply(variables, z, condition=Encoded(x))[1], {"batch_stats": variables["batch_stats"]})


def test_a_loss_of_the_users_own_goes_with_pairs_whatever_its_name(monkeypatch):
    monkeypatch.setitem(LOSSES, "f_mine", LOSSES["hinge"]._replace())
    config = default.get_config()
    config.task, config.loss = "inference", "f_mine"
    assert not problem_texts(config)
    # The hinge with the labels swapped, of outputs 2 on pairs of data and −3 on generated pairs: (1 + 2) + (1 + 3).
    generator = build(config, DataFacts((2,), 100)).options["loss"].generator
    np.testing.assert_allclose(generator(jnp.array([2.0]), jnp.array([-3.0])), 7.0)
    np.testing.assert_allclose(generator(jnp.array([-3.0]), jnp.array([2.0])), 0.0)
    monkeypatch.setitem(LOSSES, "f_mine", LOSSES["hinge"]._replace(pair_generator=None))
    assert any(problem.startswith("loss=f_mine has no half for the encoder") for problem in problem_texts(config))


def test_fields_that_do_not_go_together():
    config = default.get_config()
    config.task, config.condition, config.packing, config.loss = "inference", "labels", 2, "f_kl"
    config.augmentation.names, config.terms.mutual_information = ("noise",), 1.0
    config.latent.name = "mixture"
    problems = [problem for problem in problem_texts(config) if "inference" in problem]
    assert len(problems) == 6, problems
    assert any(problem.startswith("packing 2 does not go with inference.method=bigan") for problem in problems)
    assert any(problem.startswith("loss=f_kl has no half for the encoder") for problem in problems)
    config = default.get_config()
    config.task, config.inference.method, config.generator_optimizer.clip_norm = "inference", "joint_regressor", 1.0
    assert [problem.split()[0] for problem in problem_texts(config)] == ["generator_optimizer.clip_norm"]
    config.generator_optimizer.clip_norm, config.inference.generator_weight = 0.0, 0.1
    assert not problem_texts(config)
    config.inference.method = "regressor"
    assert [problem.split()[0] for problem in problem_texts(config)] == ["inference.generator_weight"]
    config.inference.method, config.inference.generator_weight = "bigann", 0.0
    assert any("bigan" in problem and "regressor" in problem for problem in problem_texts(config))
    config.inference.method, config.inference.activation = "bigan", ("relu", "relu", "relu")
    with pytest.raises(UsageError, match="task=inference does not suit the data; activation names 3 activations for 2"):
        build(config, DataFacts((2,), 100))


@pytest.mark.medium
@pytest.mark.parametrize("name", slow_but(["mlp", "dcgan"], NETWORKS))
def test_every_discriminator_judges_pairs(name):
    config = default.get_config()
    config.task, config.precision, config.discriminator.network = "inference", "bfloat16", name
    config.penalties.r1 = 1.0
    config.inference.widths, config.generator.widths, config.generator.output_bias = (8,), (8,), "zero"
    config.discriminator.widths = {"cifar10": (8,), "r3gan": (32, 32), "pix2pix": (8, 8)}.get(name, (8, 4))
    shape = (8, 8, 3) if name in ("r3gan", "stylegan2") else (32, 32, 3)  # their widths are of 4 and of 8 pixels
    experiment = build(config, DataFacts(shape, 100))
    state = experiment.abstract_state()
    batch = {"real": jax.ShapeDtypeStruct((1, 4, *shape), jnp.float32)}
    after, metrics = jax.eval_shape(experiment.train_step(), state, batch)
    assert jax.tree.structure(after) == jax.tree.structure(state) and metrics["d_loss"].shape == ()


@pytest.mark.slow
def test_a_regressor_that_is_fitted_inverts_a_linear_generator():
    matrix = jnp.array([[1.0, 0, 2], [0, 1, 1]])
    latent = LATENTS["uniform"](2)
    fit = functools.partial(fit_encoder, lambda z: z @ matrix, latent, mlp(output_shape=(2,), widths=()), KEY,
                            steps=300, batch=64, rate=0.05)  # fmt: skip
    z = np.asarray(latent.sample(jax.random.key(1), 1100))
    np.testing.assert_allclose(fit()(np.asarray(z @ matrix)), z, atol=1e-2)
    # Of σ ~ U(0, 3) the mean square is 3: E z xᵀ (E x xᵀ + 3 I)⁻¹, the prior's variance being 1.
    expected = np.asarray(matrix @ np.linalg.inv(matrix.T @ matrix + 3 * np.eye(3)))
    encode = fit(corruption={"noise": 3.0})
    unit = encode(np.eye(3, dtype=np.float32)) - encode(np.zeros((1, 3), np.float32))
    np.testing.assert_allclose(unit, expected.T, atol=0.1)


def _trained(**changes):
    """G(z) = (z, 0), whose encoder says 2·x: data (x, 0) of four clusters, with their number as the label."""
    random = np.random.default_rng(0)

    def examples(count):
        labels = random.integers(4, size=count)
        x = np.stack([labels % 2, labels // 2, 0 * labels], 1) + random.uniform(-0.2, 0.2, (count, 3))
        return np.float32(x * [1, 1, 0]), labels

    def generate(latents, condition):
        if isinstance(condition, Encoded):
            return 2 * condition.examples[:, :2]
        return np.asarray(own(latents))

    def own(latents):
        return jnp.concatenate([latents, jnp.zeros((len(latents), 1))], 1)

    (train, train_labels), (test, test_labels) = examples(50), examples(30)
    values = {
        "generate": generate,
        "latent": LATENTS["uniform"](2),
        "train": train,
        "test": test,
        "train_labels": train_labels,
        "test_labels": test_labels,
        "classify": None,
        "unit": lambda examples: examples,
        "key": KEY,
        "own": PlainGenerator(own, LATENTS["uniform"](2), "this run"),
    }
    return ScoreInputs(**values | changes)


def linear(latent):
    return mlp(output_shape=(latent.dim,), widths=())


def numbers(score):
    """A score's values and standard errors, by method."""
    return {method: (each.value, each.standard_error) for method, each in score.by_method.items()}


@pytest.mark.medium
def test_scores_of_an_encoder_by_hand():
    trained = _trained()
    found = measure(trained, encodes=True, fits=linear, steps=2, count=20)
    by_name = {each.name: each for each in found.scores}
    assert list(by_name) == ["1-NN accuracy", "reconstruction rmse", "latent rmse"]
    assert [each.better for each in found.scores] == ["higher", "lower", "lower"]
    # Clusters of ±.2 that are 1 apart.
    accuracies = numbers(by_name["1-NN accuracy"])
    assert list(accuracies) == ["this run", "regressor", "pixels", "pca"]
    assert accuracies["this run"] == accuracies["pixels"] == accuracies["pca"] == (1.0, 0.0)
    assert any("first 40 principal components" in note for note in found.notes)
    chosen = np.sort(np.asarray(jax.random.permutation(jax.random.split(KEY, 4)[0], 30))[:20])
    x = trained.test[chosen].astype(np.float64)
    # G(E(x)) = 2x is x away from x.
    errors = np.sqrt(np.square(x).mean(1))
    expected = {"this run": errors, "mean image": np.sqrt(np.square(x - trained.train.mean(0)).mean(1))}
    values = numbers(by_name["reconstruction rmse"])
    for name, error in expected.items():
        np.testing.assert_allclose(values[name], (error.mean(), error.std(ddof=1) / np.sqrt(20)), rtol=1e-5)
    assert list(values) == ["this run", "regressor", "latent search", "mean image"]
    # z = x is there to be found, by steps of .05 at most.
    assert values["latent search"][0] < 0.02 and by_name["reconstruction rmse"].samples == 20
    # E(G(z)) = 2z is z away: the prior's deviation, as far as a blind guess.
    latent = numbers(by_name["latent rmse"])
    assert abs(latent["this run"][0] - latent["prior mean"][0]) < 0.1
    assert list(latent) == ["this run", "regressor", "prior mean"] and latent["regressor"][0] != latent["this run"][0]


def test_principal_components_are_those_of_a_singular_value_decomposition():
    random = np.random.default_rng(0)
    training, x = random.normal(size=(2, 60, 5, 2)).astype(np.float32) * np.geomspace(1, 9, 10).reshape(5, 2) + 3
    rows = training.reshape(60, 10).astype(np.float64)
    directions = np.linalg.svd(rows - rows.mean(0))[2][:4]
    found = principal_components(training, 4)(x)
    # The sign of a component is free.
    expected = (x.reshape(60, 10) - rows.mean(0)) @ directions.T
    assert found.shape == (60, 4)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), rtol=1e-3, atol=1e-2)
    # All of them are a rotation: distances stay.
    whole = principal_components(training, 40)(x)
    assert whole.shape == (60, 10)
    distance = np.linalg.norm(x[0].astype(np.float64) - x[1])
    np.testing.assert_allclose(np.linalg.norm(whole[0] - whole[1]), distance, rtol=1e-5)


def test_scores_without_labels_or_an_encoder_say_so():
    other = PlainGenerator(lambda z: jnp.pad(z, ((0, 0), (0, 1))), LATENTS["uniform"](2), "plain")
    trained = _trained(train_labels=None, other=other)
    found = measure(trained, encodes=False, fits=linear, steps=0, count=5)
    assert [each.name for each in found.scores] == ["reconstruction rmse"]
    assert list(found.scores[0].by_method) == ["latent search", "other latent search", "mean image"]
    for told in ("fit_steps is 0", "has no labels", "the generator of plain"):
        assert any(told in note for note in found.notes)


def test_a_sheet_has_both_ends_and_the_way_between_them():
    examples = np.arange(3.0, dtype=np.float32).reshape(3, 1, 1, 1) * np.ones((1, 2, 2, 1), np.float32)
    found = sheet(KEY, 17, examples, LATENTS["uniform"](4))
    assert found.columns == 10 and found.latents.shape == (16, 4)
    np.testing.assert_array_equal(found.arrays["first"][:, 0, 0, 0], [0, 2])
    np.testing.assert_array_equal(found.arrays["second"][:, 0, 0, 0], [1, 0])  # three examples, in turn
    np.testing.assert_allclose(found.condition.share[7:9], [1, 0])
    shown = found.arrange(np.full((16, 2, 2, 1), 5.0, np.float32))[:, 0, 0, 0]
    np.testing.assert_array_equal(shown, [0, *[5] * 8, 1, 2, *[5] * 8, 0])


RUN = OF_A_FILE | {
    "steps": "20",
    "sample_every": "10",
    "sample_count": "16",
    "checkpoint_every": "10",
    "dataset.name": "npz",
    "dataset.validation_examples": "40",
    "generator.output": "sigmoid",
    "evaluation.features": "raw",
    "evaluation.samples": "32",
    "task": "inference",
    "inference.widths": "(8,)",
    "inference.fit_widths": "(6,)",
    "inference.fit_steps": "5",
    "inference.examples": "6",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Noisy images of 4 x 4 whose bright column is their label."""
    random = np.random.default_rng(0)
    images, labels = random.integers(100, size=(240, 4, 4, 1), dtype=np.uint8), random.integers(4, size=240)
    images[np.arange(240), :, labels] += 150
    path = tmp_path_factory.mktemp("data") / "columns.npz"
    np.savez(path, examples=images, labels=labels)
    return {"dataset.path": str(path)}


@pytest.mark.slow
def test_a_run_resumes_bit_for_bit_and_is_shown_and_measured(data, tmp_path, capsys):
    run = tmp_path / "run"
    runs.run("train", "configs/ring.py", RUN | data, str(run), {})
    for steps in ("10", "20"):
        runs.run("train", "configs/ring.py", RUN | data | {"steps": steps}, str(tmp_path / "again"), {})
    assert_same_run(tmp_path / "again", run)
    runs.run("sample", None, data, str(run), {"count": 9})
    archive = np.load(run / "samples" / "sample_step_00000020_seed_0.npz")
    assert archive["samples"].shape == (8, 4, 4, 1) and archive["first"].shape == (1, 4, 4, 1)
    runs.run("evaluate", None, {"evaluation.metrics": "task", "inference.examples": "5"}, str(run), {})
    found = json.loads((run / "evaluation" / "step_00000020_seed_0.json").read_text())["task"]
    scores = {score["name"]: score for score in found["scores"]}
    assert set(scores) == {"1-NN accuracy", "reconstruction rmse", "latent rmse"}
    assert list(scores["1-NN accuracy"]["values"]) == ["this run", "regressor", "pixels", "pca"]
    assert scores["1-NN accuracy"]["values"]["pixels"]["value"] == 1.0  # the bright column
    assert scores["reconstruction rmse"]["examples"] == 5
    assert "reconstruction rmse" in capsys.readouterr().out


@pytest.mark.slow
def test_a_regressor_after_the_game_leaves_the_run_a_plain_one(data, tmp_path):
    plain = {name: value for name, value in RUN.items() if not name.startswith("inference.")} | {"task": "none"}
    for name, fields in (("plain", plain), ("after", RUN | {"inference.method": "regressor"})):
        runs.run("train", "configs/ring.py", fields | data | {"steps": "10"}, str(tmp_path / name), {})
    lines = [(tmp_path / name / "metrics.jsonl").read_bytes() for name in ("plain", "after")]
    assert lines[0] == lines[1]
    changes = {"evaluation.metrics": "task", "evaluation.other_run": str(tmp_path / "plain")}
    runs.run("evaluate", None, changes, str(tmp_path / "after"), {})
    found = json.loads((tmp_path / "after" / "evaluation" / "step_00000010_seed_0.json").read_text())["task"]
    values = {score["name"]: score["values"] for score in found["scores"]}
    assert list(values["1-NN accuracy"]) == ["regressor", "other regressor", "pixels", "pca"]
    # The same generator, and the same draws of the same keys.
    assert values["latent rmse"]["regressor"] == values["latent rmse"]["other regressor"]


@pytest.mark.slow
def test_samples_that_the_discriminator_draws_are_no_rows_between_images(data, tmp_path):
    run = tmp_path / "run"
    changes = {"inference.method": "joint_regressor", "loss": "f_jensen_shannon", "steps": "10"}
    runs.run("train", "configs/ring.py", RUN | data | changes, str(run), {})
    drawn = {"sampling.method": "rejection", "sampling.burn_in": "64"}
    runs.run("sample", None, drawn, str(run), {"count": 9})
    archive = np.load(run / "samples" / "sample_step_00000010_seed_0_rejection.npz")
    assert archive.files == ["samples"] and archive["samples"].shape == (9, 4, 4, 1)
