"""What loaders share: checks of arrays, and the cut into training, validation and test splits."""

import numpy as np

from jaxgan.datasets.base import Dataset, Source, Split
from jaxgan.errors import DataError, UsageError


class Part:
    """Consecutive examples of a `Source`, as a `Source`.

    Args:
      source: the whole.
      start: the first example.
      stop: one past the last.
    """

    def __init__(self, source: Source, start: int, stop: int):
        self.shape, self.dtype = source.shape, source.dtype
        self._source, self._start, self._stop = source, start, stop

    def __len__(self) -> int:
        return self._stop - self._start

    def read(self, indices: np.ndarray) -> np.ndarray:
        """The examples at int `indices` [n], as one array [n, ...]."""
        return self._source.read(np.asarray(indices) + self._start)

    def read_labels(self, indices: np.ndarray) -> np.ndarray | None:
        """Their int32 labels [n], or None if the data has none."""
        return self._source.read_labels(np.asarray(indices) + self._start)


def check_finite(values: np.ndarray, where: str) -> np.ndarray:
    """Floats [n, ...] as float32; DataError if some are NaN, infinite or too large, with the first one's place."""
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(values, dtype=np.float32)
    if not (finite := np.isfinite(values)).all():
        bad = values.size - int(finite.sum())
        first = ", ".join(str(int(place)) for place in np.unravel_index(int(np.argmin(finite)), values.shape))
        raise DataError(
            f"cannot train on {where}",
            f"{bad} of its {values.size} values are NaN or infinite, the first at [{first}]",
            "repair or remove those examples",
        )
    return values


def check_labels(labels: np.ndarray, count: int, where: str) -> np.ndarray:
    """Class labels [count] or [count, 1] as int32 [count]; DataError if they are not integers ≥ 0, one each."""
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"cannot use the labels of {where}",
            f"they are {labels.dtype} {list(labels.shape)}",
            "store one integer class number for each example",
        )
    if len(labels) != count:
        raise DataError(
            f"cannot use the labels of {where}",
            f"there are {len(labels)} labels and {count} examples",
            "store one label for each example",
        )
    if count and not 0 <= int(labels.min()) <= int(labels.max()) < 2**31:
        raise DataError(
            f"cannot use the labels of {where}",
            f"they run from {labels.min()} to {labels.max()}",
            "number the classes from 0",
        )
    return labels.astype(np.int32)


def check_conditions(conditions: np.ndarray, count: int, where: str) -> np.ndarray:
    """Numbers [count, dim] or [count] as float32 [count, dim]; DataError if they are not, or not finite."""
    conditions = conditions[:, None] if conditions.ndim == 1 else conditions
    if conditions.ndim != 2 or conditions.dtype.kind not in "iuf" or not conditions.shape[1]:
        raise DataError(
            f"cannot use {where}",
            f"they are {conditions.dtype} {list(conditions.shape)}",
            "store one vector of numbers for each example, [n, dim]",
        )
    if len(conditions) != count:
        raise DataError(
            f"cannot use {where}",
            f"there are {len(conditions)} conditions and {count} examples",
            "store one vector for each example",
        )
    return check_finite(conditions, where)


def held_out(count: int, requested: int) -> int:
    """How many of `count` examples to hold out: `requested`, or a sixth for −1. UsageError if none would be left."""
    number = count // 6 if requested < 0 else requested
    if number >= count:
        raise UsageError(
            "cannot hold out a validation split",
            f"validation_examples is {number} and there are {count} examples to cut it from",
            "set validation_examples lower, or to -1 for a sixth",
        )
    return number


def cut(split: Split, count: int) -> tuple[Split, Split]:
    """The first len(split) − count examples, and the last `count`."""
    size, middle = len(split), len(split) - count
    if not isinstance(split.examples, np.ndarray):
        return Split(Part(split.examples, 0, middle)), Split(Part(split.examples, middle, size))
    parts = []
    for part in (slice(middle), slice(middle, size)):
        labels, conditions = (None if x is None else x[part] for x in (split.labels, split.conditions))
        parts.append(Split(split.examples[part], labels, conditions))
    return parts[0], parts[1]


def assemble(
    name: str,
    train: Split,
    test: Split | None,
    validation_examples: int,
    *,
    validation: Split | None = None,
    num_classes: int | None = None,
) -> Dataset:
    """A dataset, its validation split cut from the end of the training examples unless it is given.

    Without a test set, the last examples become one, as many as the validation split has (a sixth if it has none):
    [train | validation | test].

    Args:
      name: the dataset's name.
      train: the training examples.
      test: the test examples, if the data has its own.
      validation_examples: how many of the training examples to cut off; −1 for a sixth.
      validation: the data's own validation split, if it is to be used.
      num_classes: None for one more than the largest label, if the data has labels.

    Returns:
      The dataset.

    Raises:
      UsageError: nothing would be left to train on.
    """
    count = held_out(len(train), validation_examples)
    if test is None:
        train, test = cut(train, count or len(train) // 6)
    if validation is None:
        train, validation = cut(train, held_out(len(train), count))
    labels = [split.labels for split in (train, validation, test) if split.labels is not None]
    if num_classes is None and labels:
        num_classes = 1 + max(int(part.max(initial=0)) for part in labels)
    return Dataset(name, train, validation, test, train.example_shape, num_classes)
