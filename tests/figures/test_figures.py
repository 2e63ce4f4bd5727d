"""Pictures: pixels where they are exact, and what must be seen where they are drawn."""

import sys

import numpy as np
import pytest
from PIL import Image

from jaxgan.datasets.base import Mixture
from jaxgan.errors import WriteError
from jaxgan.figures import image_grid, save_png, save_samples
from tests.selected import slow_but


def ring(modes=8, sigma=0.1):
    angles = 2 * np.pi * np.arange(modes) / modes
    return Mixture((2 * np.stack([np.cos(angles), np.sin(angles)], 1)).astype(np.float32), sigma)


def read(path):
    return np.asarray(Image.open(path))


def test_a_grid_worked_by_hand():
    images = np.array([[[0.0, 1.0]], [[0.5, 2.0]], [[-1.0, 0.2]]])  # three of 1 x 2, two beside each other
    grid = image_grid(images, columns=2)
    g = 128
    expected = [
        [g, g, g, g, g, g, g],
        [g, 0, 255, g, 128, 255, g],  # rint(127.5) is 128, 2.0 is clipped
        [g, g, g, g, g, g, g],
        [g, 0, 51, g, g, g, g],
        [g, g, g, g, g, g, g],
    ]
    assert grid.dtype == np.uint8
    assert grid.tolist() == expected


def test_range_scale_and_padding():
    images = np.array([[[-1.0]], [[1.0]]])
    grid = image_grid(images, low=-1.0, high=1.0, padding=0, scale=2)
    assert grid.tolist() == [[0, 0, 255, 255]] * 2


def test_colour_and_one_channel():
    images = np.random.default_rng(0).random((4, 2, 3, 3))
    grid = image_grid(images, columns=2)
    assert grid.shape == (7, 9, 3)
    assert np.array_equal(grid[1:3, 5:8], np.rint(images[1] * 255).astype(np.uint8))
    assert image_grid(images[..., :1]).ndim == 2


@pytest.mark.parametrize(("shape", "columns"), [((100, 28, 28), 10), ((10, 28, 28), 4), ((1, 5, 5), 1), ((8, 4, 8), 2)])
def test_grids_are_nearly_square(shape, columns):
    grid = image_grid(np.zeros(shape), padding=0)
    assert grid.shape[1] == columns * shape[2]


@pytest.mark.parametrize(
    ("shape", "scale"), [((100, 28, 28), 2), ((16, 28, 28), 5), ((64, 128, 128), 1), ((100, 8, 8), 8)]
)
def test_the_automatic_scale_is_about_600_pixels(shape, scale):
    side = int(np.sqrt(shape[0])) * shape[1] * scale
    assert image_grid(np.zeros(shape), scale=None, padding=0).shape == (side, side)


def test_values_that_are_not_finite():
    images = np.array([[[np.nan, np.inf, -np.inf]]], np.float32)
    assert image_grid(images, padding=0).tolist() == [[128, 255, 0]]


@pytest.mark.parametrize("shape", [(3,), (2, 2), (2, 4, 4, 2), (0, 4, 4), (2, 4, 4, 3, 1)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(ValueError, match="images are"):
        image_grid(np.zeros(shape))


def test_save_png_replaces_the_file_at_once(tmp_path):
    path = tmp_path / "samples" / "step.png"
    for value in (0, 200):
        save_png(path, np.full((3, 5), value, np.uint8))
        assert read(path).tolist() == [[value] * 5] * 3
    save_png(path, np.full((3, 5, 3), 7, np.uint8)[:, ::-1])
    assert read(path).shape == (3, 5, 3)
    assert [file.name for file in path.parent.iterdir()] == ["step.png"]
    with pytest.raises(WriteError, match="cannot write"):
        save_png(path / "below.png", np.zeros((2, 2), np.uint8))


def test_images_make_a_grid(tmp_path):
    images = np.random.default_rng(0).uniform(-1, 1, (9, 20, 20, 1))
    save_samples(tmp_path / "a.png", images, low=-1, high=1)
    assert np.array_equal(read(tmp_path / "a.png"), image_grid(images, low=-1, high=1, scale=10))


def blue(picture):
    picture = picture.astype(int)
    return picture[..., 2] - picture[..., 0] > 40


def test_points_over_a_mixture(tmp_path):
    mixture, random = ring(), np.random.default_rng(0)
    samples = mixture.centers[random.integers(0, 8, 2000)] + 0.1 * random.normal(size=(2000, 2))
    save_samples(tmp_path / "all.png", samples, mixture=mixture)
    mirrored = samples * [-1, 1] * np.sign(samples[:, :1])
    save_samples(tmp_path / "left.png", mirrored, mixture=mixture)
    pictures = [read(tmp_path / "all.png"), read(tmp_path / "left.png")]
    whole, left = map(blue, pictures)
    middle = whole.shape[1] // 2
    assert whole.shape == (600, 600)
    assert whole[:540, middle + 60 :].sum() > 1000
    assert left[:540, middle + 60 :].sum() == 0  # the missing modes are seen to be missing
    for edge in (np.s_[:, :30], np.s_[540:]):  # the axes do not move with the samples
        assert np.array_equal(pictures[0][edge], pictures[1][edge])
        assert pictures[0][edge].min() < 100


@pytest.mark.medium
def test_points_of_classes_have_colours_of_their_own(tmp_path):
    mixture, labels = ring(), np.repeat(np.arange(8), 50)
    samples = mixture.centers[labels] + 0.02 * np.random.default_rng(0).normal(size=(400, 2))
    hues = []
    for name, given in (("a", labels), ("b", None), ("many", np.arange(400) % 25)):
        save_samples(tmp_path / f"{name}.png", samples, mixture=mixture, labels=given)
        picture = read(tmp_path / f"{name}.png")[:500].astype(int)
        coloured = picture[np.ptp(picture, axis=2) > 60]
        hues.append(set(np.argmax(coloured, 1)))
    assert hues == [{0, 1, 2}, {2}, {0, 1, 2}]


def titles(monkeypatch, tmp_path, *arguments, **keywords):
    from matplotlib.axes import Axes

    seen, real = [], Axes.set_title

    def set_title(self, label, *rest, **options):
        seen.append(label)
        return real(self, label, *rest, **options)

    monkeypatch.setattr(Axes, "set_title", set_title)
    save_samples(tmp_path / "a.png", *arguments, **keywords)
    return seen


@pytest.mark.medium
def test_the_title_counts_what_lies_outside(monkeypatch, tmp_path):
    samples = np.tile([[2.0, 0.0]], (1000, 1))
    assert titles(monkeypatch, tmp_path, samples, mixture=ring()) == ["1,000 samples"]
    samples[:10], samples[10:25] = 50.0, np.nan
    assert titles(monkeypatch, tmp_path, samples, mixture=ring()) == ["1,000 samples, 2.5 % outside the axes"]
    big = np.tile([[2.0, 0.0]], (5000, 1))
    big[0] = 50.0
    assert titles(monkeypatch, tmp_path, big, mixture=ring()) == ["5,000 samples, under 0.1 % outside the axes"]


def test_one_dimension_is_a_histogram(monkeypatch, tmp_path):
    from matplotlib.axes import Axes

    seen, real = [], Axes.stairs

    def stairs(self, values, edges, **options):
        seen.append((values, edges))
        return real(self, values, edges, **options)

    monkeypatch.setattr(Axes, "stairs", stairs)
    mixture = Mixture(np.array([[-2.0], [3.0]], np.float32), 0.4)
    samples = np.concatenate([np.full(300, -2.0), np.full(600, 3.0), np.full(100, 1e6)])
    save_samples(tmp_path / "a.png", samples, mixture=mixture)
    values, edges = seen[0]
    assert (values * np.diff(edges)).sum() == pytest.approx(0.9)  # the tenth outside is not in the bars
    # the extent: 4 sigma beyond the modes, and 12 % of that more: 8.2 wide, 0.984 on each side
    assert (edges[0], edges[-1]) == pytest.approx((-2 - 1.6 - 0.984, 3 + 1.6 + 0.984), abs=1e-5)
    assert read(tmp_path / "a.png").shape == (450, 700, 3)


def test_longer_vectors_are_profiles(monkeypatch, tmp_path):
    samples = np.random.default_rng(0).normal(size=(500, 10))
    samples[3, 4] = np.nan
    assert titles(monkeypatch, tmp_path, samples) == ["500 samples, 1 of them not finite"]
    assert blue(read(tmp_path / "a.png")).sum() > 1000


@pytest.mark.medium
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shape", [(10,), (10, 1), (10, 2), (10, 7), (10, 4, 4), (10, 4, 4, 3)])
@pytest.mark.parametrize("value", slow_but([np.inf, 1e30], [np.nan, np.inf, 0.0, 1e30]))
def test_anything_gets_a_picture_and_nothing_is_said(tmp_path, shape, value, capfd):
    mixture = {1: Mixture(np.zeros((1, 1), np.float32), 1.0), 2: ring()}.get(shape[-1]) if len(shape) == 2 else None
    for number, truth in enumerate((None, mixture)):
        save_samples(tmp_path / f"{number}.png", np.full(shape, value, np.float32), mixture=truth)
        assert read(tmp_path / f"{number}.png").size > 1000
    assert capfd.readouterr() == ("", "")


def test_other_shapes_are_refused(tmp_path):
    for shape in ((), (0, 2)):
        with pytest.raises(ValueError, match=r"shape|images"):
            save_samples(tmp_path / "a.png", np.zeros(shape))


def test_pyplot_is_not_loaded(tmp_path):
    loaded = "matplotlib.pyplot" in sys.modules
    save_samples(tmp_path / "a.png", np.zeros((5, 2)))
    assert ("matplotlib.pyplot" in sys.modules) == loaded


@pytest.mark.parametrize("shape", [(6, 2, 2, 2, 2), (6, 4, 4, 5)])
def test_what_is_no_image_is_drawn_as_profiles(tmp_path, shape):
    samples = np.random.default_rng(0).normal(size=shape)
    save_samples(tmp_path / "a.png", samples)
    save_samples(tmp_path / "b.png", samples.reshape(6, -1))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_alpha_is_left_out():
    images = np.random.default_rng(0).random((4, 5, 5, 4))
    np.testing.assert_array_equal(image_grid(images), image_grid(images[..., :3]))
