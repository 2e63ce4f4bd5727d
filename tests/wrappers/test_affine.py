"""The maps of ADA's pipe: against scipy, and the distributions that they are drawn from."""

import jax
import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import scipy.stats

from jaxgan.wrappers import affine
from jaxgan.wrappers.affine import PIPES, combine, recolor
from jaxgan.wrappers.affine import resample as resample_eagerly

resample = jax.jit(resample_eagerly)
KEY = jax.random.key(3)
RANDOM = np.random.default_rng(0)
NOISE = RANDOM.uniform(-1, 1, (10, 7, 3)).astype(np.float32)
ROWS, COLUMNS = np.mgrid[:32, :32]
SMOOTH = np.stack([np.sin(COLUMNS / 5 + ROWS / 9), np.cos(ROWS / 6), np.sin(COLUMNS * ROWS / 200)], -1).astype("f")
SIZE = (24, 32)


SYM6 = np.array(affine.SYM6)


def reference(image, inverse):
    """Mirrored, doubled with zeros between the samples, sampled at each point, and halved, by scipy."""
    height, width, _ = image.shape
    edges = height - 1, width - 1
    extended = np.pad(image.astype(np.float64), ((edges[0],) * 2, (edges[1],) * 2, (0, 0)), mode="reflect")
    for axis in (0, 1):
        doubled = scipy.signal.upfirdn(SYM6 * np.sqrt(2), extended, up=2, axis=axis)
        extended = np.take(doubled, range(5, 5 + 2 * extended.shape[axis]), axis)
    rows, columns = (np.arange(-5, 2 * side + 5) / 2 - (side - 1) / 2 for side in (height, width))
    y, x = np.meshgrid(rows, columns, indexing="ij")
    at = np.einsum("ij,jyx->iyx", inverse, np.stack([x, y, np.ones_like(x)]))
    places = [2 * (at[i] + (side - 1) / 2 + side - 1) for i, side in ((1, height), (0, width))]
    sampled = [scipy.ndimage.map_coordinates(extended[..., c], places, order=1, mode="grid-constant") for c in range(3)]
    found = np.stack(sampled, -1)
    for axis in (0, 1):
        halved = scipy.signal.upfirdn(SYM6[::-1] / np.sqrt(2), found, down=1, axis=axis)
        found = np.take(halved, range(11, 11 + 2 * image.shape[axis], 2), axis)
    return found


def rotation(degrees):
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])


def translation(x, y):
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


@pytest.mark.parametrize(
    "inverse",
    [
        np.eye(3),
        np.diag([-1.0, 1, 1]),
        rotation(37) @ np.diag([1.3, 0.8, 1]),
        translation(2.25, -1.5),
        translation(-12, 3) @ rotation(-100),
        np.diag([6.0, 5.0, 1]),  # so small that what lies beyond the mirrored sides is seen, which is 0
    ],
)
def test_resampling_is_scipys(inverse):
    found = resample(NOISE, inverse.astype(np.float32))
    np.testing.assert_allclose(found, reference(NOISE, inverse), atol=2e-5)


def test_the_wavelet_is_orthogonal_and_the_identity_is_the_image():
    for shift in range(6):
        assert abs(SYM6[: 12 - 2 * shift] @ SYM6[2 * shift :] - (shift == 0)) < 1e-10
    np.testing.assert_allclose(SYM6.sum(), np.sqrt(2), atol=1e-10)
    np.testing.assert_allclose(resample(NOISE, np.eye(3, dtype=np.float32)), NOISE, atol=1e-5)


@pytest.mark.parametrize(
    ("inverse", "expected"),
    [
        (np.diag([-1.0, 1, 1]), SMOOTH[:, ::-1]),
        (rotation(90), np.rot90(SMOOTH)),  # counterclockwise: its top right is the image's bottom right
        (rotation(180), SMOOTH[::-1, ::-1]),
        (translation(3, 0), np.pad(SMOOTH, ((0, 0), (0, 3), (0, 0)), mode="reflect")[:, 3:]),
        (translation(0, -2), np.pad(SMOOTH, ((2, 0), (0, 0), (0, 0)), mode="reflect")[:-2]),
    ],
)
def test_moves_by_whole_pixels_are_numpys(inverse, expected):
    found = resample(SMOOTH, inverse.astype(np.float32))
    # Mirrored edges are not smooth, and what is turned by 180 degrees is shifted by a tenth of a pixel.
    np.testing.assert_allclose(found[4:-4, 4:-4], expected[4:-4, 4:-4], atol=0.04)


@pytest.mark.parametrize(
    "inverse", [rotation(20), np.diag([0.8, 0.8, 1]), np.diag([1.2, 1 / 1.2, 1]), translation(0.4, 1.3)]
)
def test_rotations_scalings_and_fractions_are_those_of_splines(inverse):
    # Cubic splines, as a smooth image hardly depends on the interpolation; scipy's axes are rows and columns.
    swap = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]])
    about = swap @ translation(15.5, 15.5) @ inverse @ translation(-15.5, -15.5) @ swap
    expected = [scipy.ndimage.affine_transform(SMOOTH[..., c], about, mode="mirror") for c in range(3)]
    found = resample(SMOOTH, inverse.astype(np.float32))
    np.testing.assert_allclose(found[6:-6, 6:-6], np.stack(expected, -1)[6:-6, 6:-6], atol=0.03)


def test_the_resampling_of_a_batch_does_not_depend_on_its_other_images():
    maps = np.stack([np.diag([0.9, 1, 1]), rotation(45) @ np.diag([3.0, 3, 1])]).astype(np.float32)
    together = jax.jit(jax.vmap(resample))(np.stack([NOISE, NOISE[::-1]]), maps)
    np.testing.assert_allclose(together[0], resample(NOISE, maps[0]), atol=1e-5)


# What is drawn


def drawn(name, count=4000, size=SIZE):
    """Matrices of one map, [count, n, n]."""
    (affine,) = PIPES[name].maps
    numbers = jax.random.uniform(KEY, (count, 2), minval=2**-24)
    return np.asarray(jax.jit(jax.vmap(lambda u: affine.draw(u, size)))(numbers), np.float64)


def frequencies(values, expected):
    """That whole numbers are drawn as often as expected: chi-squared."""
    values = np.round(values).astype(int)
    assert set(values) == set(expected)
    counts = np.array([(values == value).sum() for value in expected])
    shares = np.array(list(expected.values())) / sum(expected.values())
    assert scipy.stats.chisquare(counts, shares * len(values)).pvalue > 1e-3


def distributed(values, distribution):
    assert scipy.stats.kstest(values, distribution.cdf).pvalue > 1e-3


def parts_but(matrices, *entries):
    """That all other entries are those of the identity."""
    rest = np.array(matrices)
    for i, j in entries:
        rest[:, i, j] = i == j
    np.testing.assert_allclose(rest, np.broadcast_to(np.eye(rest.shape[-1]), rest.shape), atol=1e-6)


def test_flips_and_turns():
    found = drawn("flip")
    frequencies(found[:, 0, 0], {1: 1, -1: 1})
    parts_but(found, (0, 0))
    found = drawn("turn")
    cosine, sine = found[:, 0, 0], found[:, 1, 0]
    np.testing.assert_array_equal(found[:, :2, :2], np.stack([[cosine, -sine], [sine, cosine]]).transpose(2, 0, 1))
    frequencies(2 * cosine + sine, {2: 1, 1: 1, -2: 1, -1: 1})


def test_translations():
    found = drawn("integer_translation", 20_000)
    np.testing.assert_array_equal(found, np.round(found))
    parts_but(found, (0, 2), (1, 2))
    # Rounded U(−4, 4) of a width of 32, and U(−3, 3) of a height of 24: the last ones are half as wide.
    frequencies(found[:, 0, 2], {i: 0.5 if abs(i) == 4 else 1 for i in range(-4, 5)})
    frequencies(found[:, 1, 2], {i: 0.5 if abs(i) == 3 else 1 for i in range(-3, 4)})
    found = drawn("fractional_translation")
    parts_but(found, (0, 2), (1, 2))
    distributed(found[:, 0, 2], scipy.stats.norm(0, 4))  # an eighth of 32
    distributed(found[:, 1, 2], scipy.stats.norm(0, 3))
    assert abs(np.corrcoef(found[:, 0, 2], found[:, 1, 2])[0, 1]) < 0.06


def test_scalings_and_rotations():
    found = drawn("scaling")
    parts_but(found, (0, 0), (1, 1))
    np.testing.assert_array_equal(found[:, 0, 0], found[:, 1, 1])
    distributed(np.log2(found[:, 0, 0]), scipy.stats.norm(0, 0.2))
    found = drawn("anisotropy")
    parts_but(found, (0, 0), (1, 1))
    np.testing.assert_allclose(found[:, 0, 0] * found[:, 1, 1], 1, atol=1e-6)
    distributed(np.log2(found[:, 0, 0]), scipy.stats.norm(0, 0.2))
    found = drawn("rotation")
    angles = np.arctan2(found[:, 1, 0], found[:, 0, 0])
    distributed(angles, scipy.stats.uniform(-np.pi, 2 * np.pi))
    np.testing.assert_allclose(found, np.stack([rotation(a) for a in np.rad2deg(angles)]), atol=1e-6)


def test_colors():
    grey = np.full((3, 3), 1 / 3)
    found = drawn("brightness")
    parts_but(found, (0, 3), (1, 3), (2, 3))
    np.testing.assert_array_equal(found[:, :3, 3], found[:, :1, 3].repeat(3, 1))
    distributed(found[:, 0, 3], scipy.stats.norm(0, 0.2))
    found = drawn("contrast")
    parts_but(found, (0, 0), (1, 1), (2, 2))
    np.testing.assert_array_equal(found[:, 1, 1], found[:, 0, 0])
    distributed(np.log2(found[:, 0, 0]), scipy.stats.norm(0, 0.5))
    found = drawn("luma_flip")[:, :3, :3]
    frequencies(found[:, 0, 0] > 0.9, {0: 1, 1: 1})
    flipped = found[found[:, 0, 0] < 0.9]
    np.testing.assert_allclose(flipped, np.broadcast_to(np.eye(3) - 2 * grey, flipped.shape), atol=1e-6)
    found = drawn("saturation")[:, :3, :3]
    factors = found[:, 0, 0] - found[:, 0, 1]  # (2s + 1)/3 − (1 − s)/3
    distributed(np.log2(factors), scipy.stats.norm(0, 1))
    np.testing.assert_allclose(found, grey + factors[:, None, None] * (np.eye(3) - grey), atol=1e-5)
    found = drawn("hue")[:, :3, :3]
    turned = found @ (np.array([1, -1, 0]) / np.sqrt(2))  # at a right angle to grey
    other = np.array([1, 1, -2]) / np.sqrt(6)
    angles = np.arctan2(turned @ other, turned @ (np.array([1, -1, 0]) / np.sqrt(2)))
    distributed(angles, scipy.stats.uniform(-np.pi, 2 * np.pi))
    np.testing.assert_allclose(found @ np.ones(3), np.ones((len(found), 3)), atol=1e-6)
    np.testing.assert_allclose(found @ found.transpose(0, 2, 1), np.broadcast_to(np.eye(3), found.shape), atol=1e-5)


def test_colors_by_hand():
    # Red, flipped in luma: r − 2/3 (1, 1, 1) = (1/3, −2/3, −2/3). Then brighter by .25.
    matrix = np.eye(4)
    matrix[:3, :3] -= 2 / 3
    matrix[:3, 3] = 0.25
    red = np.zeros((1, 2, 3), np.float32)
    red[..., 0] = 1
    found = recolor(red, matrix.astype(np.float32))
    np.testing.assert_allclose(found, np.broadcast_to([7 / 12, -5 / 12, -5 / 12], (1, 2, 3)), atol=1e-6)
    # Of one channel: the mean of the three, which is −x + .25.
    np.testing.assert_allclose(recolor(np.full((2, 2, 1), 0.5, "f"), matrix.astype("f")), -0.25, atol=1e-6)
    with pytest.raises(ValueError, match="1 or 3 channels, got 2"):
        recolor(np.zeros((2, 2, 2), np.float32), matrix.astype(np.float32))


@pytest.mark.medium
def test_hue_and_saturation_leave_a_single_channel_alone():
    image = NOISE[..., :1]
    for name in ("hue", "saturation"):
        np.testing.assert_allclose(PIPES[name](KEY, image), image, atol=1e-5)


@pytest.mark.parametrize("name", [*PIPES, "one of two"])
def test_each_map_is_drawn_with_its_probability(name):
    maps = PIPES["ada_geometric"].maps[1:4:2] if name == "one of two" else PIPES[name].maps
    plane = [affine for affine in maps if affine.moves_pixels == maps[0].moves_pixels]
    used = jax.jit(jax.vmap(lambda key, p: combine(key, [(affine, p) for affine in plane], SIZE)[1], (0, None)))
    expected = {"one of two": 1}.get(name, len(plane) - (name in ("ada_geometric", "ada")))
    for p in (0.0, 0.2, 1.0):
        # None of n maps, the two rotations being one: (1 − p)ⁿ.
        rate = used(jax.random.split(KEY, 4000), p).mean()
        np.testing.assert_allclose(rate, 1 - (1 - p) ** expected, atol=4 * np.sqrt(0.25 / 4000) * (0 < p < 1))


@pytest.mark.medium
def test_the_pipe_has_the_sources_maps_in_its_order_and_resamples_once():
    parts = ["flip", "turn", "integer_translation", "scaling", "rotation", "anisotropy", "rotation"]
    parts += ["fractional_translation", "brightness", "contrast", "luma_flip", "hue", "saturation"]
    maps = PIPES["ada"].maps
    assert [affine.draw for affine in maps] == [PIPES[name].maps[0].draw for name in parts]
    assert list(maps) == [m for name in ("ada_blit", "ada_geometric", "ada_color") for m in PIPES[name].maps]
    # The position in the image is A₁ A₂ … of that in the result, and the colour in the result … C₂ C₁ of the image's.
    image, expected, first = SMOOTH[:24], SMOOTH[:24], 0
    for kind in (maps[:8], maps[8:]):
        key = jax.random.fold_in(KEY, first)
        numbers = jax.random.uniform(key, (len(kind), 3), minval=2**-24)
        matrices = [np.asarray(m.draw(u[1:], SIZE)) for u, m in zip(numbers, kind, strict=True)]
        product = np.linalg.multi_dot(matrices if first == 0 else matrices[::-1])
        found, _ = combine(key, [(affine, 1.0) for affine in kind], SIZE)
        np.testing.assert_allclose(found, product, atol=1e-4)
        expected = (recolor if first else resample)(expected, product.astype(np.float32))
        first = len(kind)
    np.testing.assert_allclose(jax.jit(PIPES["ada"])(KEY, image), expected, atol=1e-4)
