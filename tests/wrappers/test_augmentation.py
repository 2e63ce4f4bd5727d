"""Augmentations, the discriminator behind them, and a probability that adapts."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from games import data, difference, dropout_game, start, step_of

from jaxgan.networks import maxout
from jaxgan.parallel import distribute
from jaxgan.training.step import make_train_step
from jaxgan.types import Network
from jaxgan.wrappers.augmentation import AUGMENTATIONS, STATE, augmented, color, cutout, noise, translation

KEY = jax.random.key(0)
IMAGE = jax.random.uniform(jax.random.key(1), (16, 8, 3))


def many(augment, image=IMAGE, count=200):
    return np.asarray(jax.jit(jax.vmap(augment, (0, None)))(jax.random.split(KEY, count), image))


def test_a_translation_moves_what_is_there_and_brings_in_zeros():
    found = many(translation)
    seen = set()
    for moved in found:
        rows = [r for r in range(-2, 3) for c in range(-1, 2) if np.array_equal(moved, _shifted(r, c))]
        assert rows
        seen.update((r, c) for r in range(-2, 3) for c in range(-1, 2) if np.array_equal(moved, _shifted(r, c)))
    assert len(seen) == 15  # (16 + 4)//8 = 2 up and down, (8 + 4)//8 = 1 sideways: 5 x 3 places, all drawn


def _shifted(rows, columns):
    """Moved down by rows and right by columns."""
    padded = np.pad(np.asarray(IMAGE), ((2, 2), (1, 1), (0, 0)))
    return padded[2 - rows : 18 - rows, 1 - columns : 9 - columns]


def test_a_cutout_is_half_of_each_side_or_less_at_the_edge():
    found = many(cutout, jnp.ones((16, 8, 3)))
    holes = (found == 0).all(-1)
    assert ((found == 0) == holes[..., None]).all()
    heights, widths = holes.any(2).sum(1), holes.any(1).sum(1)
    assert heights.max() == 8 and widths.max() == 4 and (holes.sum((1, 2)) == heights * widths).all()
    assert heights.min() >= 4  # the middle is inside the image


def test_colors_by_hand():
    b, s, c = np.asarray(jax.random.uniform(KEY, (3,)))
    image = np.asarray(IMAGE, np.float64) + b - 0.5
    mean = image.mean(-1, keepdims=True)
    image = (image - mean) * 2 * s + mean
    expected = (image - image.mean()) * (c + 0.5) + image.mean()
    np.testing.assert_allclose(color(KEY, IMAGE), expected, atol=1e-5)


def test_noise_has_its_deviation():
    found = many(noise) - np.asarray(IMAGE)
    assert abs(found.std() - 0.1) < 0.002


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_gradients_go_through(name):
    gradient = jax.jit(jax.grad(lambda image: jnp.square(AUGMENTATIONS[name](KEY, image)).sum()))(IMAGE)
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


def _first_value(network=None):
    """A discriminator that gives the mean of what it sees."""
    return Network(
        lambda key, inputs, condition=None: {"params": {"w": jnp.ones(())}},
        lambda v, x, *, condition=None, key=None, train=False: (v["params"]["w"] * x.mean(tuple(range(1, x.ndim))), {}),
    )


def test_each_is_applied_with_its_probability_in_training_alone():
    network = augmented(_first_value(), [lambda key, image: image + 1], probability=0.25)
    variables = network.init(KEY, jnp.zeros((4, 2)))
    found, state = network.apply(variables, jnp.zeros((2000, 2)), key=KEY, train=True)
    assert abs(float(found.mean()) - 0.25) < 0.04 and set(np.unique(found)) == {0.0, 1.0} and state == {}
    np.testing.assert_array_equal(network.apply(variables, jnp.zeros((5, 2)))[0], 0)


def test_a_probability_that_adapts():
    network = augmented(_first_value(), [noise], probability=0.5, adaptive_target=0.6, adaptive_speed=0.125)
    variables = network.init(KEY, jnp.zeros((4, 2)))
    places = []
    for level in (9.0, 9.0, -9.0, 9.0, 9.0, -9.0, 9.0):  # real, fake, real, ...
        _, state = network.apply(variables, jnp.full((4, 2), level), key=KEY, train=True)
        variables = {**variables, **state}
        places.append(float(state[STATE]["probability"]))
    # Real at 9: sign +1 is above .6, and p rises; at -9 it falls; fakes change nothing.
    assert places == [0.625, 0.625, 0.5, 0.5, 0.625, 0.625, 0.75]
    assert int(variables[STATE]["calls"]) == 7
    assert network.apply(variables, jnp.zeros((4, 2)))[1] == {STATE: variables[STATE]}


@pytest.mark.slow
@pytest.mark.parametrize("mapping", ["pmap", "shard_map"])
def test_four_devices_augment_as_one_does(mapping):
    discriminator = augmented(maxout(widths=(12, 8), pieces=3, initial_scale=0.5), [noise], probability=0.5)
    game = dropout_game() | {"discriminator": discriminator}
    found = []
    for kind in (mapping, "jit"):
        step, place, place_batch = distribute(functools.partial(make_train_step, **game), mapping=kind)
        state = place(start(game))
        for i in range(3):
            state, metrics = step(state, place_batch(step_of(data(3, batch=16), i)))
        found.append((state.generator, state.discriminator.params, metrics))
    assert difference(*found) < 1e-5


@pytest.mark.parametrize("mapping", ["jit", pytest.param("shard_map", marks=pytest.mark.slow)])
def test_an_adaptive_probability_trains_and_is_in_the_state(mapping):
    options = {"probability": 0.5, "adaptive_target": 0.6, "adaptive_speed": 0.1}
    discriminator = augmented(maxout(widths=(12, 8), pieces=3, initial_scale=0.5), [noise], **options)
    game = dropout_game() | {"discriminator": discriminator}
    step, place, place_batch = distribute(functools.partial(make_train_step, **game), mapping=mapping)
    state = place(start(game))
    for i in range(3):
        state, _ = step(state, place_batch(step_of(data(3, batch=16), i)))
    kept = state.discriminator.model_state[STATE]
    assert int(kept["calls"]) == 6 and 0.2 - 1e-6 <= float(kept["probability"]) <= 0.8 + 1e-6
    assert float(kept["probability"]) != 0.5


def test_mistakes():
    with pytest.raises(ValueError, match="no augmentation"):
        augmented(_first_value(), [])
    with pytest.raises(ValueError, match=r"probability must lie in \[0, 1\], got 2"):
        augmented(_first_value(), [noise], probability=2)
    with pytest.raises(ValueError, match="adaptive_target"):
        augmented(_first_value(), [noise], adaptive_target=1.0)
