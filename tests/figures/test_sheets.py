"""Sheets of images and curves: what stands where."""

import numpy as np
import pytest
from PIL import Image

from jaxgan.figures import Curve, class_sheet, curves, image_grid, interpolation_sheet, nearest_sheet, save_animation
from jaxgan.figures.images import GAP

IMAGES = np.random.default_rng(0).random((12, 4, 4)).astype(np.float32)


def test_the_last_column_is_the_training_image_beside_its_sample():
    sheet = nearest_sheet(IMAGES, IMAGES[[3, 7]], columns=6, scale=1)
    left, right = sheet[:, : 6 * 5 + 1], sheet[:, 6 * 5 + 1 + GAP :]
    np.testing.assert_array_equal(left, image_grid(IMAGES, columns=6))
    np.testing.assert_array_equal(right, image_grid(IMAGES[[3, 7]], columns=1))
    assert (sheet[:, 31 : 31 + GAP] == 255).all()
    with pytest.raises(ValueError, match="2 rows of 6 samples are 12, got 11"):
        nearest_sheet(IMAGES[:11], IMAGES[:2], columns=6)


def test_lines_above_arcs_below():
    linear, spherical = IMAGES[:6].reshape(2, 3, 4, 4), IMAGES[6:].reshape(2, 3, 4, 4)
    sheet = interpolation_sheet(linear, spherical, scale=1)
    np.testing.assert_array_equal(sheet[:11], image_grid(IMAGES[:6], columns=3))
    np.testing.assert_array_equal(sheet[11 + GAP :], image_grid(IMAGES[6:], columns=3))
    colour = np.repeat(IMAGES[:6, ..., None], 3, -1).reshape(2, 3, 4, 4, 3)
    assert interpolation_sheet(colour, colour, scale=2).ndim == 3


def test_a_row_for_each_class_and_grey_where_there_is_none():
    labels = np.array([1, 1, 0, 1] + [3] * 8)
    sheet = class_sheet(IMAGES, labels, 4, columns=2, scale=1)
    grey = np.full((4, 4), 128 / 255)
    expected = [IMAGES[2], grey, IMAGES[0], IMAGES[1], grey, grey, IMAGES[4], IMAGES[5]]
    np.testing.assert_array_equal(sheet, image_grid(np.stack(expected), columns=2))


def test_curves_are_drawn_with_their_errors_and_references(monkeypatch):
    from matplotlib.axes import Axes

    seen = {"plot": [], "errorbar": [], "axhline": []}
    for name, calls in seen.items():
        real = getattr(Axes, name)

        def record(self, *arguments, real=real, calls=calls, **options):
            calls.append(arguments)
            return real(self, *arguments, **options)

        monkeypatch.setattr(Axes, name, record)
    picture = curves(
        {
            "losses": {"d_loss": Curve([1, 2, 3], [0.5, float("nan"), 0.7])},
            "score": {"parzen": Curve([1, 3], [5.0, 6.0], [0.1, 0.2], 9.0)},
            "nothing": {},
        }
    )
    assert picture.dtype == np.uint8 and picture.shape[2] == 3 and picture.std() > 5
    np.testing.assert_array_equal(seen["plot"][0][0], [1, 3])  # what is not finite is left out
    np.testing.assert_array_equal(seen["plot"][0][1], [0.5, 0.7])
    assert len(seen["plot"]) == 2 and [call[0] for call in seen["axhline"]] == [9.0]
    np.testing.assert_array_equal(seen["errorbar"][0][2], [0.1, 0.2])
    with pytest.raises(ValueError, match="no curves"):
        curves({"nothing": {}})


@pytest.mark.parametrize(("ending", "channels"), [("webp", ()), ("webp", (3,)), ("gif", ()), ("gif", (3,))])
def test_an_animation_holds_its_frames(tmp_path, ending, channels):
    frames = np.random.default_rng(1).integers(0, 256, (3, 20, 30, *channels), np.uint8)
    save_animation(tmp_path / f"a.{ending}", list(frames), 40)
    with Image.open(tmp_path / f"a.{ending}") as file:
        assert (file.n_frames, file.info["loop"]) == (3, 0)
        for number, frame in enumerate(frames):
            file.seek(number)
            file.load()
            assert file.info["duration"] == 40
            found = np.asarray(file.convert("RGB" if channels else "L"), int)
            # A GIF has 256 colours, of all that noise has.
            assert np.abs(found - frame).mean() < 25 if (ending, channels) == ("gif", (3,)) else (found == frame).all()
