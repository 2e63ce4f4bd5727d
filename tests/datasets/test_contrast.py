"""Global contrast normalisation."""

import numpy as np
import pytest

from jaxgan.config.build import load_dataset
from jaxgan.config.schema import complete
from jaxgan.datasets.base import Dataset, Split
from jaxgan.datasets.contrast import contrast_normalized, with_contrast_norm
from jaxgan.errors import UsageError


class _Stored:
    """Examples that are read by index."""

    def __init__(self, examples):
        self.examples, self.shape, self.dtype = examples, examples.shape[1:], examples.dtype

    def __len__(self):
        return len(self.examples)

    def read(self, indices):
        return self.examples[indices]

    def read_labels(self, indices):
        return indices.astype(np.int32)


def test_by_hand_and_one_without_contrast():
    # [1, 3] − 2 = [−1, 1], of length √2; times 55/√2 it is ±38.89. Equal pixels have no contrast.
    examples = np.array([[[1], [3]], [[7], [7]], [[0], [255]]], np.uint8)
    half = 55 / np.sqrt(2)
    normalized = contrast_normalized(examples, 55.0)
    assert normalized.dtype == np.float32 and normalized.shape == (3, 2, 1)
    np.testing.assert_allclose(normalized[..., 0], [[-half, half], [0, 0], [-half, half]], rtol=1e-6)
    images = np.random.default_rng(0).integers(0, 256, (1_500, 4, 4, 3), np.uint8)
    rows = contrast_normalized(images, 55.0).reshape(1_500, -1)
    np.testing.assert_allclose(rows.mean(1), 0, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 55, rtol=1e-6)


def test_examples_in_memory_and_read_by_index_are_normalised_alike():
    images = np.random.default_rng(0).integers(0, 256, (20, 4, 4, 1), np.uint8)
    splits = {name: Split(_Stored(images)) for name in ("train", "validation", "test")}
    streamed = with_contrast_norm(Dataset("stored", **splits, example_shape=(4, 4, 1)), 55.0)
    split, chosen = streamed.train, np.array([3, 1])
    assert (len(split), split.example_shape, split.dtype, split.in_memory) == (20, (4, 4, 1), np.float32, False)
    np.testing.assert_array_equal(split.take(chosen), contrast_normalized(images, 55.0)[chosen])
    np.testing.assert_array_equal(split.take_labels(chosen), chosen)


def test_the_field_reaches_the_data():
    config = complete({"dataset": {"name": "digits", "contrast_norm": 28.0}})
    dataset = load_dataset(config, 2**62)
    for split in (dataset.train, dataset.validation, dataset.test):
        norms = np.linalg.norm(split.take(np.arange(5)).reshape(5, -1), axis=1)
        np.testing.assert_allclose(norms, 28, rtol=1e-5)
    with pytest.raises(UsageError, match="contrast_norm=28 does not suit the dataset ring"):
        load_dataset(complete({"dataset": {"name": "ring", "contrast_norm": 28.0}}), 2**62)


def test_stacked_channels_are_not_normalised():
    images = Split(np.zeros((3, 4, 4, 3), np.uint8))
    digits = Dataset("digits", images, images, images, (4, 4, 1))
    stacked = Dataset("stacked", images, images, images, (4, 4, 3), channels=digits)
    with pytest.raises(UsageError, match="its channels are images of their own"):
        with_contrast_norm(stacked, 55.0)
