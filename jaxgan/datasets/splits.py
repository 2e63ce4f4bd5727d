"""What loaders of files share: checking arrays, and cutting off a validation and a test split.

`where` is what holds the data, for the messages of DataErrors.
"""

import numpy as np

from jaxgan.datasets.base import Dataset, Source, Split
from jaxgan.errors import DataError, UsageError


class Part:
    """The examples `start`, …, `stop` − 1 of a `Source`, as a `Source`."""

    def __init__(self, source: Source, start: int, stop: int):
        self.shape, self.dtype = source.shape, source.dtype
        self._source, self._start, self._stop = source, start, stop

    def __len__(self) -> int:
        return self._stop - self._start

    def read(self, indices: np.ndarray) -> np.ndarray:
        """As `Source.read`."""
        return self._source.read(np.asarray(indices) + self._start)

    def read_labels(self, indices: np.ndarray) -> np.ndarray | None:
        """As `Source.read_labels`."""
        return self._source.read_labels(np.asarray(indices) + self._start)


def check_finite(values: np.ndarray, where: str) -> np.ndarray:
    """Numbers as float32. DataError if some are NaN, infinite or too large for it, with the first one's place."""
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
    """Labels of `count` examples, integers ≥ 0 [count] or [count, 1], as int32 [count]. DataError if they are not."""
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    right = labels.ndim == 1 and labels.dtype.kind in "iu"
    _check_rows(labels, right, count, f"the labels of {where}", "labels", "one integer class number for each example")
    if count and not 0 <= int(labels.min()) <= int(labels.max()) < 2**31:
        raise DataError(
            f"cannot use the labels of {where}",
            f"they run from {labels.min()} to {labels.max()}",
            "number the classes from 0",
        )
    return labels.astype(np.int32)


def check_conditions(conditions: np.ndarray, count: int, where: str) -> np.ndarray:
    """Vectors for `count` examples, numbers [count, dim] or [count], as finite float32 [count, dim], or DataError."""
    conditions = conditions[:, None] if conditions.ndim == 1 else conditions
    right = conditions.ndim == 2 and conditions.dtype.kind in "iuf" and conditions.shape[1] > 0
    _check_rows(conditions, right, count, where, "conditions", "one vector of numbers for each example, [n, dim]")
    return check_finite(conditions, where)


def _check_rows(rows: np.ndarray, right: bool, count: int, where: str, what: str, wanted: str) -> None:
    if not right:
        raise DataError(f"cannot use {where}", f"they are {rows.dtype} {list(rows.shape)}", f"store {wanted}")
    if len(rows) != count:
        raise DataError(f"cannot use {where}", f"there are {len(rows)} {what} and {count} examples", f"store {wanted}")


def _held_out(count: int, requested: int) -> int:
    """The number of `count` examples to hold out, −1 for a sixth. UsageError if no training example would be left."""
    number = count // 6 if requested < 0 else requested
    if number >= count:
        raise UsageError(
            "cannot hold out a validation split",
            f"validation_examples is {number} and there are {count} examples to cut it from",
            "set validation_examples lower, or to -1 for a sixth",
        )
    return number


def cut(split: Split, count: int) -> tuple[Split, Split]:
    """The first len(split) − `count` examples of a split, and the last `count`."""
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
    where: str,
    validation: Split | None = None,
    num_classes: int | None = None,
) -> Dataset:
    """A dataset, its validation split cut from the end of the training examples unless it is given.

    Without a test set, the last examples become one, as many as the validation split has (a sixth if it has none):
    [train | validation | test].

    Args:
      name: the dataset's name.
      train, test, validation: the data's own splits, or None.
      validation_examples: as for every `Loader`.
      where: what holds the data.
      num_classes: None: one more than the largest label, if there are labels.

    Raises:
      DataError: the splits differ in their examples' shape or type.
      UsageError: nothing would be left to train on.
    """
    for other, split in (("test", test), ("validation", validation)):
        if split is not None and _kind(split) != _kind(train):
            raise DataError(
                f"cannot use {where}",
                f"the training examples are {_kind(train)} and the {other} examples {_kind(split)}",
                "store all splits with the same shape and type",
            )
    count = _held_out(len(train), validation_examples)
    if test is None:
        train, test = cut(train, count or len(train) // 6)
    if validation is None:
        train, validation = cut(train, _held_out(len(train), count))
    labels = [split.labels for split in (train, validation, test) if split.labels is not None]
    if num_classes is None and labels:
        num_classes = 1 + max(int(part.max(initial=0)) for part in labels)
    return Dataset(name, train, validation, test, train.example_shape, num_classes)


def _kind(split: Split) -> str:
    vectors = "" if split.conditions is None else f" with conditions [{split.conditions.shape[1]}]"
    return f"{split.dtype} {list(split.example_shape)}{vectors}"
