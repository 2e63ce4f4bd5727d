"""Global contrast normalisation: gives every example mean 0 and the same Euclidean norm."""

import dataclasses

import numpy as np

from jaxgan.datasets.base import Dataset, Source, Split
from jaxgan.errors import UsageError

_BLOCK = 1_000
"""Number of examples normalised at once."""


def contrast_normalized(examples: np.ndarray, norm: float) -> np.ndarray:
    """x ← s·(x − mean x)/‖x − mean x‖, for each example separately; an example without contrast becomes 0.

    Args:
      examples: [n, ...], of any numeric dtype.
      norm: s > 0; s = √dim gives the elements of an example standard deviation 1.

    Returns:
      [n, ...] float32.

    Source: pylearn2's `global_contrast_normalize`, whose `scale` is s; 55 for CIFAR-10 in goodfeli/adversarial.
    """
    normalized = np.empty(examples.shape, np.float32)
    for start in range(0, len(examples), _BLOCK):
        rows = examples[start : start + _BLOCK].reshape(-1, int(np.prod(examples.shape[1:]))).astype(np.float64)
        rows -= rows.mean(1, keepdims=True)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        normalized[start : start + _BLOCK] = (rows * (norm / np.maximum(lengths, 1e-8))).reshape(
            -1, *examples.shape[1:]
        )
    return normalized


def with_contrast_norm(dataset: Dataset, norm: float) -> Dataset:
    """A dataset with normalised examples: normalised now if they are in memory, otherwise as they are read.

    Raises:
      UsageError: the data is a mixture, whose points have no contrast, or its channels are separate images.
    """
    why = "its examples are points of a known mixture, not images" if dataset.mixture is not None else ""
    if dataset.channels is not None:
        why = "its channels are images of their own, by which samples are judged"
    if why:
        raise UsageError(
            f"dataset.contrast_norm={norm:g} does not suit the dataset {dataset.name}",
            why,
            "set dataset.contrast_norm=0",
        )

    def normalized(split: Split) -> Split:
        examples = split.examples
        if isinstance(examples, np.ndarray):
            return dataclasses.replace(split, examples=contrast_normalized(examples, norm))
        return dataclasses.replace(split, examples=_Normalized(examples, norm))

    splits = normalized(dataset.train), normalized(dataset.validation), normalized(dataset.test)
    return dataclasses.replace(dataset, train=splits[0], validation=splits[1], test=splits[2])


class _Normalized:
    """A source whose examples are normalised as they are read."""

    dtype = np.dtype(np.float32)

    def __init__(self, source: Source, norm: float):
        self.source, self.norm, self.shape = source, norm, source.shape

    def __len__(self) -> int:
        return len(self.source)

    def read(self, indices: np.ndarray) -> np.ndarray:
        return contrast_normalized(self.source.read(indices), self.norm)

    def read_labels(self, indices: np.ndarray) -> np.ndarray | None:
        return self.source.read_labels(indices)
