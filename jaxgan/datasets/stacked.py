"""Stacked MNIST: three random digits as the colour channels of one image, which gives 1,000 modes.

Source: Metz et al. 2017 (arXiv:1611.02163), section 3.3.1, and Lin et al. 2018, PacGAN (arXiv:1712.04086), section 4.2,
with images of 28 × 28 (fjxmlzn/PacGAN). Karras et al. 2018 (arXiv:1710.10196), section 6.4, add black borders, to
32 × 32 (tkarras/progressive_growing_of_gans).
"""

import math

import numpy as np

from jaxgan.datasets import idx
from jaxgan.datasets.base import Dataset, Split
from jaxgan.errors import DataError, UsageError

CHANNELS = 3
"""Digits per image."""

_KEY = 0x57AC
"""First word of the keys of the random streams that choose the digits. The second word is the split's number."""


class Stacks:
    """Images whose channels are the digits of a split at `chosen` [n, channels]. A `Source` that stacks them when read.

    The labels are Σ_c class_c · classes^(channels − 1 − c): 0 to 999, with the digits from red to blue.
    """

    def __init__(self, digits: Split, chosen: np.ndarray, classes: int):
        height, width, _ = digits.example_shape
        self.shape: tuple[int, ...] = (height, width, chosen.shape[1])
        self.dtype = digits.dtype
        self._digits, self._chosen = digits, chosen
        self._places = classes ** np.arange(chosen.shape[1])[::-1]

    def __len__(self) -> int:
        return len(self._chosen)

    def read(self, indices: np.ndarray) -> np.ndarray:
        """As `Source.read`."""
        digits = self._digits.take(self._chosen[indices].reshape(-1))[..., 0]
        stacked = digits.reshape(-1, self.shape[2], *self.shape[:2])
        return np.ascontiguousarray(np.moveaxis(stacked, 1, -1))

    def read_labels(self, indices: np.ndarray) -> np.ndarray:
        """As `Source.read_labels`."""
        assert self._digits.labels is not None
        return (self._digits.labels[self._chosen[indices]] @ self._places).astype(np.int32)


def load(
    *, path: str, examples: int = 100_000, side: int = 28, validation_examples: int = -1, memory_limit: int = 2**62
) -> Dataset:
    """Loads IDX files, and draws three digits with replacement as the channels of each image.

    The draw is the same in every run. Each split stacks its own digits: those of the training set, of the part of it
    kept for validation, and of the test set. PacGAN draws 128,000 images from all 70,000 digits, Karras et al. a
    million from 60,000.

    Args:
      path: as for `idx`; labels are required.
      examples: number of training images; the validation and test splits each have a tenth as many.
      side: height and width of the images: the digits' own, or larger to add a black border.
      validation_examples: number of digits kept for the validation split, as for `idx`.
      memory_limit: bytes; larger splits are stacked anew on each read.

    Returns:
      The dataset; [n, side, side, 3] in the dtype of the files. Its `channels` are the digits.

    Raises:
      DataError: the files are missing or damaged, or have no labels.
      UsageError: `examples` is not positive, or the images are smaller than the digits.
    """
    digits = idx.load(path=path, validation_examples=validation_examples)
    if digits.num_classes is None:
        raise DataError("cannot stack digits", f"{path} has no labels", "add the files of labels")
    smallest = max(digits.example_shape[:2])
    if examples < 1 or side < smallest:
        raise UsageError(
            f"cannot stack {examples:,} images of side {side}",
            f"there must be at least one, with at least {smallest} pixels a side, the digits' own",
            f"set dataset.examples to at least 1, and dataset.side to at least {smallest}",
        )
    classes, held_out = digits.num_classes, -(-examples // 10)
    train, validation, test = (_padded(split, side) for split in (digits.train, digits.validation, digits.test))
    channels = Dataset("digits", train, validation, test, (side, side, 1), classes)
    train, validation, test = (
        _stacked(split, count, number, classes, memory_limit)
        for number, (split, count) in enumerate(((train, examples), (validation, held_out), (test, held_out)))
    )
    shape = (side, side, CHANNELS)
    return Dataset("stacked", train, validation, test, shape, classes**CHANNELS, channels=channels, notes=digits.notes)


def _padded(split: Split, side: int) -> Split:
    before = [(side - size) // 2 for size in split.example_shape[:2]]
    after = [side - size - start for size, start in zip(split.example_shape[:2], before, strict=True)]
    borders = ((0, 0), *zip(before, after, strict=True), (0, 0))
    return Split(np.pad(np.asarray(split.examples), borders), split.labels)


def _stacked(digits: Split, count: int, number: int, classes: int, memory_limit: int) -> Split:
    if not len(digits):  # there is no validation split
        return Split(np.zeros((0, *digits.example_shape[:2], CHANNELS), digits.dtype), np.zeros(0, np.int32))
    # The raw words of a Philox stream are the same in every version of numpy.
    words = np.random.Philox(key=np.array([_KEY, number], np.uint64)).random_raw(count * CHANNELS)
    chosen = (words % np.uint64(len(digits))).astype(np.int32).reshape(count, CHANNELS)
    stacks = Stacks(digits, chosen, classes)
    if count * math.prod(stacks.shape) * stacks.dtype.itemsize > memory_limit:
        return Split(stacks)
    everything = np.arange(count)
    return Split(stacks.read(everything), stacks.read_labels(everything))
