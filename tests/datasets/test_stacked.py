"""Stacked digits: what each image is made of, its label, borders, splits, and what it is without memory for it."""

import numpy as np
import pytest

from jaxgan.datasets import idx, stacked
from jaxgan.errors import DataError, UsageError


def positions(channel, digits):
    """Where an image is among the digits, which are all different."""
    return np.flatnonzero((digits.examples[..., 0] == channel).all((1, 2)))


def test_every_channel_is_a_digit_of_its_split_and_the_label_names_the_three(miniature):
    digits, data = idx.load(path=str(miniature)), stacked.load(path=str(miniature), examples=200)
    assert (data.example_shape, data.num_classes, data.train.examples.dtype) == ((28, 28, 3), 1_000, np.uint8)
    assert [len(split) for split in (data.train, data.validation, data.test)] == [200, 20, 20]
    drawn = []
    for split, source in ((data.train, digits.train), (data.validation, digits.validation), (data.test, digits.test)):
        for image, label in zip(split.examples[:20], split.labels, strict=False):
            ((red,), (green,), (blue,)) = (positions(image[..., c], source) for c in range(3))
            assert label == 100 * source.labels[red] + 10 * source.labels[green] + source.labels[blue]
            drawn += [red, green, blue]
    assert len(set(drawn)) > 60  # of 180 draws, with replacement, from 250, 50 and 60
    assert data.channels.train.examples.shape == digits.train.examples.shape and data.channels.num_classes == 10


def test_the_draw_is_the_same_in_every_run_and_more_examples_do_not_change_the_first(miniature):
    few, many = (stacked.load(path=str(miniature), examples=count) for count in (30, 90))
    np.testing.assert_array_equal(few.train.examples, many.train.examples[:30])
    np.testing.assert_array_equal(few.test.labels, many.test.labels[:3])
    # All digits, and each of the channels for itself: 0.1 of each digit, ± 3 √(.09/3000).
    labels = stacked.load(path=str(miniature), examples=3_000).train.labels
    shares = np.stack([np.bincount(labels // place % 10, minlength=10) for place in (100, 10, 1)]) / 3_000
    expected = np.bincount(idx.load(path=str(miniature)).train.labels, minlength=10) / 250
    np.testing.assert_allclose(shares, np.broadcast_to(expected, (3, 10)), atol=0.02)
    assert abs(np.corrcoef(labels // 100, labels % 10)[0, 1]) < 0.06


def test_a_border_is_black_and_a_source_reads_what_an_array_holds(miniature):
    plain = stacked.load(path=str(miniature), examples=50)
    wide = stacked.load(path=str(miniature), examples=50, side=32, memory_limit=1)
    assert (wide.example_shape, wide.channels.example_shape) == ((32, 32, 3), (32, 32, 1))
    assert not wide.train.in_memory and wide.channels.train.in_memory
    chosen = np.array([3, 3, 49, 0])
    read = wide.train.take(chosen)
    np.testing.assert_array_equal(read[:, 2:-2, 2:-2], plain.train.examples[chosen])
    assert not read[:, :2].any() and not read[:, -2:].any() and not read[:, :, :2].any() and not read[:, :, -2:].any()
    np.testing.assert_array_equal(wide.train.take_labels(chosen), plain.train.labels[chosen])


def test_what_cannot_be_stacked(miniature, writers, tmp_path):
    for options in ({"examples": 0}, {"side": 27}):
        with pytest.raises(UsageError, match=r"dataset.examples to at least 1, and dataset.side to at least 28"):
            stacked.load(path=str(miniature), **options)
    writers.idx(tmp_path / "train-images-idx3-ubyte", np.zeros((20, 28, 28), np.uint8))
    with pytest.raises(DataError, match="has no labels"):
        stacked.load(path=str(tmp_path))
