"""Pictures of several levels under noise: its numbers by hand, what the discriminator sees, and whole steps."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from games import difference

from configs import default
from jaxgan.config import DataFacts, build, check, complete, problems_of
from jaxgan.latents import LATENTS
from jaxgan.losses import LOSSES
from jaxgan.losses.penalties import PENALTIES
from jaxgan.networks import vit
from jaxgan.parallel import distribute
from jaxgan.training.step import init_state, make_train_step
from jaxgan.types import DiscriminatorInputs, Network, example_keys
from jaxgan.wrappers.augmentation import AUGMENTATIONS, augmented
from jaxgan.wrappers.conditions import one_hot
from jaxgan.wrappers.guidance import cumulative_noise, guided, noise_deviations
from jaxgan.wrappers.packing import pack
from tests.selected import slow_but

KEY = jax.random.key(0)
SOURCE = (0.885, 0.76, 0.51, 0.01)


def test_the_deviations_are_those_of_the_source():
    # 1 − .125^(1 − i/3) + .01: .125, .25, .5 and 1 of the picture are left, before the floor.
    np.testing.assert_allclose(noise_deviations(4), SOURCE, rtol=1e-12)
    np.testing.assert_allclose(noise_deviations(2, signal=0.4, floor=0.1), (0.7, 0.1), rtol=1e-12)
    for wrong, said in (
        ({"levels": 1}, "at least 2 levels, got 1"),
        ({"levels": 4, "signal": 1.0}, r"signal must lie in \(0, 1\), got 1.0"),
        ({"levels": 4, "floor": 0.125}, r"floor must lie in \(0, signal\), .* got 0.125"),
    ):
        with pytest.raises(ValueError, match=said):
            noise_deviations(**wrong)


def test_noise_is_cumulative():
    # Level i is r·(level i + 1) and new noise, r = (1 − t_i)/(1 − t_{i+1}). So its variance is t_i², and its covariance
    # with a cleaner level j is t_j² times the product of the r between them, t_j²·(1 − t_i)/(1 − t_j).
    draw = jax.jit(jax.vmap(lambda key: cumulative_noise(key, (50,), SOURCE)))
    noise = np.asarray(draw(jax.random.split(KEY, 4000)), np.float64)
    assert noise.shape == (4000, 4, 50)
    found = np.einsum("kin,kjn->ij", noise, noise) / (4000 * 50)
    for i, t in enumerate(SOURCE):
        for j in range(i, 4):
            expected = SOURCE[j] ** 2 * (1 - t) / (1 - SOURCE[j])
            error = t * SOURCE[j] / np.sqrt(4000 * 50)
            assert abs(found[i, j] - expected) < 4 * np.sqrt(2) * error, (i, j)
    # Of levels 1 and 2, for example: .51²·.24/.49 = .1274, a correlation of .1274/(.76·.51) = .329.
    np.testing.assert_allclose(found[1, 2], 0.1274, rtol=0.03)


def _probe():
    """A discriminator that returns the sum of what it sees, and keeps it as its state."""

    def init(key, inputs, condition=None):
        return {"params": {}, "seen": {"inputs": inputs}}

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        return inputs.reshape(len(inputs), -1).sum(1), {"seen": {"inputs": inputs}}

    return Network(init, apply)


def _seen(network, inputs, keys, train=True):
    return network.apply({"params": {}}, inputs, key=keys, train=train)[1]["seen"]["inputs"]


def test_the_discriminator_sees_all_levels_at_once():
    network, keys = guided(_probe(), 4), example_keys(KEY, 3)
    assert network.per_example and not network.independent
    picture = jax.random.normal(jax.random.key(1), (3, 2, 2, 2))
    pyramid = tuple((i + 1.0) * picture for i in range(4))
    still = _seen(network, pyramid, None, train=False).reshape(3, 2, 2, 4, 2)
    for i, t in enumerate(SOURCE):  # outside of training there is no noise, and as much of the picture
        np.testing.assert_allclose(still[..., i, :], (1 - t) * (i + 1) * picture, rtol=1e-5)
    # In training, the same noise for the same key, whatever is seen; the data are their own picture at every level.
    noise = _seen(network, pyramid, keys).reshape(still.shape) - still
    again = _seen(network, picture, keys) - _seen(network, picture, None, train=False)
    np.testing.assert_allclose(again.reshape(still.shape), noise, atol=1e-6)
    assert np.abs(noise[0] - noise[1]).max() > 0.1  # and other noise for every example
    alone = _seen(network, tuple(level[1:2] for level in pyramid), keys[1:2])
    np.testing.assert_allclose(alone[0], (noise + still)[1].reshape(2, 2, 8), atol=1e-6)
    with pytest.raises(ValueError, match="sees 4 levels, and the generator draws 3"):
        _seen(network, pyramid[:3], keys)


@pytest.mark.parametrize("names", slow_but([("cutout",)], [("cutout",), ("translation", "cutout", "flip")]))
def test_all_levels_of_an_example_are_augmented_alike(names):
    chosen = [AUGMENTATIONS[name] for name in names]
    network = augmented(guided(_probe(), 2, signal=0.5, floor=1e-6), chosen, probability=0.5)
    picture = jax.random.uniform(jax.random.key(1), (16, 8, 8, 1), minval=0.5)
    pair = (picture, picture)
    levels = _seen(network, pair, example_keys(KEY, 16))
    alone = augmented(_probe(), chosen, probability=0.5)
    expected = _seen(alone, picture, example_keys(KEY, 16))
    # The last level has almost no noise: it is the picture as it is augmented by itself.
    np.testing.assert_allclose(levels[..., 1:], expected, atol=1e-4)
    assert np.abs(expected - picture).max() > 0.5
    # Of two different pictures, both are moved: what is cut out of one is cut out of the other.
    both = augmented(_trees(), chosen, probability=0.5)
    first, second = _seen(both, (picture, 2 * picture), example_keys(KEY, 16))
    np.testing.assert_allclose(second, 2 * first, atol=1e-5)


def _trees():
    """`_probe` of a tree of inputs."""

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        return jnp.zeros(len(inputs[0])), {"seen": {"inputs": inputs}}

    return Network(lambda key, inputs, condition=None: {"params": {}}, apply)


def test_packs_of_pyramids():
    network = guided(pack(_probe(), 2), 2)
    picture = jnp.arange(8.0).reshape(4, 2, 1, 1)
    variables = network.init(KEY, picture)
    assert variables["seen"]["inputs"].shape == (2, 2, 1, 4)
    assert network.apply(variables, (picture, picture), key=example_keys(KEY, 4), train=True)[0].shape == (2,)


# --- Penalties of pyramids


@pytest.mark.parametrize("name", ["r2", "r1_r2"])
def test_a_gradient_is_over_the_pictures_of_all_levels(name):
    # l(x, y) = 3·Σx + 4·Σy of two numbers each: ‖∇l‖² = 2·9 + 2·16 = 50; of data, x = y: l = 7·Σx, ‖∇l‖² = 2·49 = 98.
    def critic(inputs):
        first, second = inputs if isinstance(inputs, tuple) else (inputs, inputs)
        return 3 * first.sum(1) + 4 * second.sum(1)

    real, fake = jnp.ones((5, 2)), (jnp.ones((5, 2)), jnp.zeros((5, 2)))
    expected = {"r2": 25.0, "r1_r2": 25.0 + 49.0}[name]
    np.testing.assert_allclose(PENALTIES[name](1.0)(critic, real, fake, KEY), expected, rtol=1e-6)
    many = jnp.ones((40_000, 2)), (jnp.ones((40_000, 2)), jnp.zeros((40_000, 2)))
    estimate = PENALTIES[name](1.0, deviation=0.01)(critic, *many, KEY)
    np.testing.assert_allclose(estimate, expected, rtol=0.03)  # √2/√40,000 = .7 % is its error
    # Points between the data and every level: (‖∇l‖ − 1)² with ‖∇l‖² = 50.
    found = PENALTIES["gradient_penalty"](1.0)(critic, real, fake, KEY)
    np.testing.assert_allclose(found, (np.sqrt(50) - 1) ** 2, rtol=1e-5)


# --- Whole steps

SMALL = {"width": 16, "depth": 4, "heads": 2, "patch": 4, "embedding": 4}
SHAPE = (8, 8, 3)


def _parts(axis_name=None, classes=None):
    discriminator = guided(vit(**SMALL, classes=classes), 4)
    discriminator = augmented(discriminator, [AUGMENTATIONS["color"], AUGMENTATIONS["cutout"]], axis_name=axis_name)
    return {
        "generator": vit(output_shape=SHAPE, levels=4, **SMALL, classes=classes),
        "discriminator": discriminator,
        "generator_tx": optax.sgd(0.05),
        "discriminator_tx": optax.sgd(0.05),
        "latent": LATENTS["normal"](5),
    }


def _game():
    penalties = [PENALTIES["r1_r2"](0.1, deviation=0.01)]
    return {"loss": LOSSES["relativistic_paired"], "penalties": penalties, "average_decay": 0.9}


def _batch(classes, count=8):
    keys = jax.random.split(jax.random.key(3))
    batch = {"real": jax.random.uniform(keys[0], (1, count, *SHAPE), minval=-1)}
    if classes:
        batch["condition"] = jax.random.randint(keys[1], (1, count), 0, classes)
    return batch


def _start(classes):
    batch = _batch(classes)
    condition = batch["condition"][0] if classes else None
    init = functools.partial(init_state, **_parts(None, classes), example=batch["real"][0], condition=condition)
    return jax.jit(lambda key: init(key, average=True))(KEY)


def _plain(state):
    return jax.device_get(state.replace(key=jax.random.key_data(state.key)))


@pytest.mark.slow
@pytest.mark.parametrize("classes", [None, 3])
def test_a_step_moves_both_players_by_all_levels(classes):
    state = _start(classes)
    step = jax.jit(make_train_step(**_parts(None, classes), **_game()))
    after, metrics = step(state, _batch(classes))
    assert all(np.isfinite(value) for value in metrics.values())
    for player in ("generator", "discriminator"):
        moved = jax.tree.map(lambda a, b: float(np.abs(a - b).max()), getattr(after, player), getattr(state, player))
        assert min(jax.tree.leaves(moved.params["blocks" if player == "discriminator" else "parts"])) > 0
    # Every level's layer has a gradient of its own.
    layers = [player.params["parts"]["Dense_1"]["kernel"] for player in (after.generator, state.generator)]
    change = np.asarray(layers[0] - layers[1])
    assert (np.abs(change).max((1, 2)) > 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("mapping", ["shard_map", "pmap"])
def test_a_step_on_four_devices_is_that_on_one(mapping):
    before, after = _start(3), []
    for chosen in ("jit", mapping):
        step, place_state, place_batch = distribute(
            lambda axis_name: make_train_step(**_parts(axis_name, 3), **_game(), axis_name=axis_name), mapping=chosen
        )
        state, metrics = step(place_state(jax.tree.map(jnp.copy, before)), place_batch(_batch(3)))
        assert all(np.isfinite(value) for value in metrics.values())
        after.append(_plain(state))
    assert difference(*after) < 1e-5
    assert difference(after[0].discriminator, before.discriminator) > 1e-3


# --- Configs


def _config():
    config = default.get_config()
    config.guidance.levels = 4
    config.dataset.range = "symmetric"
    config.generator.network, config.generator.output, config.generator.output_bias = "vit", "linear", "zero"
    for player in (config.generator, config.discriminator):
        player.update({"width": 16, "depth": 4, "heads": 2, "patch": 4})
    return config


@pytest.mark.parametrize("network", slow_but(["mlp"], ["mlp", "dcgan", "vit"]))
def test_a_config_with_any_discriminator(network):
    config = _config()
    config.discriminator.network = network
    config.discriminator.widths = (8, 8)
    config.augmentation.names = ("cutout",)
    config.penalties.r1_r2, config.penalties.r1_r2_deviation = 0.1, 0.01
    check(config)
    experiment = build(config, DataFacts(SHAPE, 100))
    state = experiment.abstract_state()
    batch = {"real": jax.ShapeDtypeStruct((1, 4, *SHAPE), jnp.float32)}
    after, metrics = jax.eval_shape(experiment.train_step(), state, batch)
    assert jax.tree.structure(after) == jax.tree.structure(state) and metrics["d_loss"].shape == ()
    key = jax.ShapeDtypeStruct((), jax.random.key(0).dtype)
    latents = jax.ShapeDtypeStruct((2, config.latent.dim), jnp.float32)

    def made(variables, latents, key, train):
        return experiment.generator.apply(variables, latents, key=key, train=train)[0]

    still = jax.eval_shape(functools.partial(made, train=False), state.generator.variables, latents, key)
    training = jax.eval_shape(functools.partial(made, train=True), state.generator.variables, latents, key)
    assert still.shape == (2, *SHAPE) and isinstance(training, DiscriminatorInputs) and len(training.fake) == 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"guidance.levels": 1}, "guidance.levels: guidance needs at least 2 levels, got 1; 0 is off"),
        ({"guidance.floor": 0.5}, "guidance.levels: floor must lie in (0, signal)"),
        ({"generator.network": "mlp"}, "guidance.levels 4: generator.network mlp draws one picture only; use vit"),
        ({"task": "semi_supervised"}, "guidance.levels 4 does not go with task=semi_supervised"),
        ({"sampling.method": "rejection"}, "sampling.method rejection: D judges noisy pictures with guidance.levels"),
        ({"generator.output_bias": "data"}, "generator.output_bias data: the biases of vit start at 0; set zero"),
    ],
)
def test_what_does_not_go_with_levels_is_refused(changes, said):
    config = _config()
    assert list(problems_of(config)) == []
    config.unlock()
    config.update_from_flattened_dict(changes)
    assert any(said in str(problem) for problem in problems_of(complete(config)))


def test_labels_reach_both_networks_as_one_hot_vectors():
    network = one_hot(guided(vit(**SMALL), 4), 3)
    images = np.ones((2, *SHAPE), np.float32)
    variables = jax.eval_shape(lambda key: network.init(key, images, condition=jnp.array([0, 2])), KEY)
    assert variables["params"]["Dense_0"]["kernel"].shape == (4 * 4 * 3 * 4, 16)  # a patch of all levels
    assert variables["params"]["Dense_1"]["kernel"].shape == (3, 4)
