"""Augmentations, the discriminator behind them, and a probability that adapts."""

import functools
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from games import data, difference, dropout_game, start, step_of

from configs import default
from jaxgan.config import DataFacts, build, complete, problems_of
from jaxgan.errors import UsageError
from jaxgan.networks import maxout
from jaxgan.parallel import distribute
from jaxgan.runs.data import read_inputs
from jaxgan.training.step import make_train_step
from jaxgan.types import Network
from jaxgan.wrappers.augmentation import AUGMENTATIONS, STATE, ada_cutout, augmented, color, cutout, noise, translation

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


def _covered(image_side, start, length):
    """The first and the last hidden row, of a rectangle that begins at `start`."""
    return max(start, 0), min(start + length, image_side) - 1


@pytest.mark.parametrize(("height", "width"), [(16, 8), (6, 5), (10, 7)])
def test_a_cutout_begins_where_the_authors_code_lets_it(height, width):
    holes = (many(cutout, jnp.ones((height, width, 1)), 4000) == 0).all(-1)
    for side, hidden in ((height, holes.any(2)), (width, holes.any(1))):
        spans = list(zip(hidden.argmax(1), side - 1 - hidden[:, ::-1].argmax(1), strict=True))
        # int(n * .5 + .5) of a side, its offset in range(n + 1 - length % 2), and half of its length before it.
        length = int(side * 0.5 + 0.5)
        expected = [_covered(side, offset - length // 2, length) for offset in range(side + 1 - length % 2)]
        assert set(spans) == set(expected) and len(set(expected)) == len(expected)
        counts = np.array([spans.count(span) for span in expected])
        assert scipy.stats.chisquare(counts).pvalue > 1e-3


def test_adas_cutout_has_its_centre_anywhere_in_the_image():
    holes = (many(ada_cutout, jnp.ones((16, 8, 1)), 4000) == 0).all(-1)
    for side, hidden in ((16, holes.any(2)), (8, holes.any(1))):
        spans = list(zip(hidden.argmax(1), side - 1 - hidden[:, ::-1].argmax(1), strict=True))
        expected = [_covered(side, start, side // 2) for start in range(-side // 4, side - side // 4 + 1)]
        counts = np.array([spans.count(span) for span in expected])
        shares = np.array([0.5, *[1] * (side - 1), 0.5]) / side  # the outermost are half as wide
        assert counts.sum() == 4000 and scipy.stats.chisquare(counts, 4000 * shares).pvalue > 1e-3


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
    def loss(image, key):
        return jnp.square(AUGMENTATIONS[name](key, image)).sum()

    gradient = jax.jit(jax.vmap(jax.grad(loss), (None, 0)))(IMAGE, jax.random.split(KEY, 8))
    assert np.isfinite(gradient).all() and (np.abs(gradient).max((1, 2, 3)) > 0).all()


@functools.cache
def _seeing(names, probability=1.0, **options):
    """`(keys, images) -> images` that the discriminator sees in training."""
    seen = Network(lambda *_: {"params": {}}, lambda v, x, *, condition=None, key=None, train=False: (x, {}))
    network = augmented(seen, [AUGMENTATIONS[name] for name in names], probability=probability, **options)
    return jax.jit(lambda keys, images: network.apply({"params": {}}, images, key=keys, train=True)[0])


IMAGES = jax.random.uniform(jax.random.key(5), (8, 8, 6, 3))
KEYS = jax.random.split(KEY, 8)


@pytest.mark.slow
def test_where_none_is_drawn_an_image_is_as_it_is_bit_for_bit():
    kinds = ("ada", "translation", "color", "cutout", "noise", "ada_cutout")
    found = _seeing(kinds, 0.0, value_range=(0.0, 1.0))(KEYS, IMAGES)
    np.testing.assert_array_equal(found, IMAGES)
    found = _seeing(("ada",), 0.05)(KEYS, IMAGES)
    assert 0 < (found == IMAGES).all((1, 2, 3)).sum() < len(IMAGES)


@pytest.mark.slow
@pytest.mark.parametrize("names", [("ada",), ("translation", "color", "cutout")])
def test_images_of_another_range_are_augmented_alike(names):
    found = _seeing(names, value_range=(0.0, 255.0))(KEYS, 127.5 * (IMAGES + 1))
    np.testing.assert_allclose(found / 127.5 - 1, _seeing(names)(KEYS, IMAGES), atol=1e-4)


@pytest.mark.medium
def test_an_example_is_augmented_by_its_own_key():
    whole = _seeing(("ada",))(KEYS, IMAGES)
    half = _seeing(("ada",))(KEYS[4:], IMAGES[4:])
    np.testing.assert_allclose(half, whole[4:], atol=1e-5)


def test_pipes_are_their_parts_and_adjacent_maps_are_one_resampling():
    parts = ("flip", "turn", "integer_translation")
    expected = _seeing(("ada_blit",), 0.8)(KEYS, IMAGES)
    np.testing.assert_allclose(_seeing(parts, 0.8)(KEYS, IMAGES), expected, atol=1e-5)
    # Bilinear sampling gathers four corners, once for all maps of the plane.
    program = str(jax.make_jaxpr(_seeing(("ada",)))(KEYS, IMAGES))
    assert program.count("name=_take") == 4


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


def test_multipliers_are_factors_of_the_probability():
    def step(size):
        return lambda key, image: image + size

    network = augmented(_first_value(), [step(1.0), step(10.0)], probability=0.5, multipliers=(1.0, 0.2))
    variables = network.init(KEY, jnp.zeros((4, 2)))
    found = np.asarray(network.apply(variables, jnp.zeros((4000, 2)), key=KEY, train=True)[0])
    assert abs((found % 10 > 0.5).mean() - 0.5) < 0.03 and abs((found > 9).mean() - 0.1) < 0.02
    many_keys, image = jax.random.split(KEY, 2000), jnp.repeat(IMAGES[:1], 2000, 0)
    found = _seeing(("ada_color",), 0.4, multipliers=(0.5,))(many_keys, image)
    # None of five, each with .2; a luma flip is none half of the time, but its rounding shows.
    assert abs(float((found == image).all((1, 2, 3)).mean()) - 0.8**5) < 0.05


@pytest.mark.slow
def test_they_work_in_scan_and_in_bfloat16():
    ada = AUGMENTATIONS["ada"]
    total, _ = jax.lax.scan(lambda total, key: (total + ada(key, IMAGES[0]), None), jnp.zeros_like(IMAGES[0]), KEYS)
    each = jax.jit(jax.vmap(ada, (0, None)))
    np.testing.assert_allclose(total, each(KEYS, IMAGES[0]).sum(0), atol=1e-4)
    low = jax.jit(ada)(KEY, IMAGES[0].astype(jnp.bfloat16))
    assert low.dtype == jnp.bfloat16
    np.testing.assert_allclose(low.astype(jnp.float32), jax.jit(ada)(KEY, IMAGES[0]), atol=0.1)


def _image_game(augmentations):
    """The dropout game, whose discriminator sees its vectors of 6 numbers as images of 2 x 3 pixels."""
    inner = augmented(maxout(widths=(12, 8), pieces=3, initial_scale=0.5), augmentations, probability=0.5)

    def images(x):
        return x.reshape(len(x), 2, 3, 1)

    discriminator = inner._replace(
        init=lambda key, x, condition=None: inner.init(key, images(x), condition),
        apply=lambda v, x, *, condition=None, key=None, train=False: inner.apply(v, images(x), key=key, train=train),
    )
    return dropout_game() | {"discriminator": discriminator}


@pytest.mark.slow
@pytest.mark.parametrize("mapping", ["pmap", "shard_map"])
@pytest.mark.parametrize("names", [["noise"], ["ada", "ada_cutout"]])
def test_four_devices_augment_as_one_does(mapping, names):
    game = _image_game([AUGMENTATIONS[name] for name in names])
    found = []
    for kind in (mapping, "jit"):
        step, place, place_batch = distribute(functools.partial(make_train_step, **game), mapping=kind)
        state = place(start(game))
        for i in range(3):
            state, metrics = step(state, place_batch(step_of(data(3, batch=16), i)))
        found.append((state.generator, state.discriminator.params, metrics))
    assert difference(*found) < 1e-5


@pytest.mark.slow
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


@pytest.mark.medium
def test_a_config_gives_the_range_of_its_data_and_the_factors(monkeypatch):
    monkeypatch.setitem(AUGMENTATIONS, "white", lambda key, image: jnp.ones_like(image))
    config = default.get_config()
    config.dataset.range, config.augmentation.names = "unit", ("white", "color")
    config.augmentation.multipliers = (1.0, 0.0)
    inputs = read_inputs(complete(config))
    assert inputs.facts.range == (0.0, 1.0)
    for value_range in ((0.0, 1.0), (-3.0, 5.0)):
        discriminator = build(config, inputs.facts._replace(range=value_range, means=None)).discriminator
        images = jnp.full((2, 28, 28, 1), 0.25)
        variables = discriminator.init(KEY, images)
        seen, _ = discriminator.apply(variables, images, key=KEY, train=True)
        white, _ = discriminator.apply(variables, jnp.full_like(images, value_range[1]))
        np.testing.assert_allclose(seen, white, rtol=1e-5)


def _said(config):
    return [str(problem) for problem in problems_of(config)]


def test_what_a_config_may_not_say():
    config = default.get_config()
    config.augmentation.names, config.augmentation.multipliers = ("ada_color", "cutout"), (0.5,)
    assert _said(config) == ["augmentation.multipliers has 1 numbers for 2 augmentation.names"]
    config.augmentation.multipliers = (0.5, 1.0)
    assert _said(config) == []
    with pytest.raises(UsageError, match=r"ada_color does not suit the data; .*images with 1 or 3 channels, got 2"):
        build(config, DataFacts((8, 8, 2), 100))
    with pytest.raises(UsageError, match=r"ada_color does not suit .* \[5\]: they are not images"):
        build(config, DataFacts((5,), 100))
    config.task = "inpainting"
    assert [text.split(" would")[0] for text in _said(config)] == ["augmentation.names: cutout"]
    config.augmentation.names = ("ada_geometric", "hue")
    assert [text.split(" would")[0] for text in _said(config)] == ["augmentation.names: ada_geometric"]


def test_mistakes():
    with pytest.raises(ValueError, match="no augmentation"):
        augmented(_first_value(), [])
    with pytest.raises(ValueError, match=r"probability must lie in \[0, 1\], got 2"):
        augmented(_first_value(), [noise], probability=2)
    with pytest.raises(ValueError, match="adaptive_target"):
        augmented(_first_value(), [noise], adaptive_target=1.0)
    with pytest.raises(ValueError, match=r"multipliers must be 1 numbers in \[0, 1\], got \(1.0, 0.5\)"):
        augmented(_first_value(), [noise], multipliers=(1.0, 0.5))


def test_images_are_augmented_in_their_range_or_as_they_are(monkeypatch):
    ranges = []

    def instead(network, augmentations, *, value_range, **options):
        ranges.append(value_range)
        return network

    monkeypatch.setattr(sys.modules["jaxgan.config.build"], "augmented", instead)  # the package has a function `build`
    config = default.get_config()
    config.augmentation.names = ("color",)
    for config.augmentation.scaled in (True, False):
        build(config, DataFacts((4, 4, 4), 100, range=(-6.0, 8.0)))
    assert ranges == [(-6.0, 8.0), (-1.0, 1.0)]
