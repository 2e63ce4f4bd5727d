"""Shared by file loaders: checks arrays, and cuts off validation and test splits.

`where` names the source of the data in DataErrors.
"""

import numpy as np

from jaxgan.datasets import order
from jaxgan.datasets.base import RANGES, Dataset, Source, Split
from jaxgan.errors import DataError, UsageError

CHECKED = 1_000
"""Number of labels per part that are compared to tell whether examples are in random order."""

MOST_CLASSES = 1_000
"""Labels below this are accepted as class numbers even if there are fewer examples."""

LOOKED_AT = 64
"""Number of examples of a `Source` that are read to see which byte values occur."""


class Part:
    """The examples at `indices` [n] of a `Source`, as a `Source`."""

    def __init__(self, source: Source, indices: np.ndarray):
        self.shape, self.dtype = source.shape, source.dtype
        self._source, self._indices = source, indices

    def __len__(self) -> int:
        return len(self._indices)

    def read(self, indices: np.ndarray) -> np.ndarray:
        """As `Source.read`."""
        return self._source.read(self._indices[indices])

    def read_labels(self, indices: np.ndarray) -> np.ndarray | None:
        """As `Source.read_labels`."""
        return self._source.read_labels(self._indices[indices])


def check_channels(values: np.ndarray, where: str) -> np.ndarray:
    """Returns examples unchanged. DataError if they are images [n, channels, height, width], with channels first."""
    first_of_four = values.ndim == 4 and values.shape[1] <= 4 < min(values.shape[2:])
    # Floats need not be images unless they are square.
    if first_of_four and (values.dtype == np.uint8 or values.shape[2] == values.shape[3]):
        raise DataError(
            f"cannot use {where}",
            f"it is {values.dtype} {list(values.shape)}, with {values.shape[1]} channels before height and width",
            "store the channels last: images.transpose(0, 2, 3, 1)",
        )
    return values


def check_finite(values: np.ndarray, where: str) -> np.ndarray:
    """Numbers as float32. DataError if any is NaN, infinite or too large; the message names the first one."""
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
    """Labels of `count` examples, integers ≥ 0 [count] or [count, 1], as int32 [count]. DataError if invalid."""
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
    """Vectors or pictures for `count` examples as finite float32, [count, dim] or [count, height, width, channels].

    Vectors may also be [count], and pictures [count, height, width]. Bytes of pictures become -1 to 1; all other
    numbers are used unchanged. DataError if they are invalid.
    """
    pictures = conditions.ndim in (3, 4) and (conditions.dtype == np.uint8 or conditions.dtype.kind == "f")
    right = pictures or (conditions.ndim in (1, 2) and conditions.dtype.kind in "iuf")
    wanted = "one vector of numbers for each example, [n, dim], or one picture, bytes [n, height, width, channels]"
    _check_rows(conditions, right and 0 not in conditions.shape[1:], count, where, "conditions", wanted)
    conditions = RANGES["symmetric"].scale(conditions) if pictures else conditions
    return check_finite(conditions if conditions.ndim in (2, 4) else conditions[..., None], where)


def _check_rows(rows: np.ndarray, right: bool, count: int, where: str, what: str, wanted: str) -> None:
    if not right:
        raise DataError(f"cannot use {where}", f"they are {rows.dtype} {list(rows.shape)}", f"store {wanted}")
    if len(rows) != count:
        raise DataError(f"cannot use {where}", f"there are {len(rows)} {what} and {count} examples", f"store {wanted}")


def held_out(count: int, requested: int) -> int:
    """Number of the `count` examples to hold out; −1 means a sixth. UsageError if no training example would be left."""
    number = count // 6 if requested < 0 else requested
    if number >= count:
        raise UsageError(
            "cannot hold out a validation split",
            f"validation_examples is {number} and there are {count} examples to cut it from",
            "set validation_examples lower, or to -1 for a sixth",
        )
    return number


def cut(split: Split, count: int) -> tuple[Split, Split]:
    """Splits off the last `count` examples: returns the examples before them, and these."""
    size, middle = len(split), len(split) - count
    return _part(split, slice(middle)), _part(split, slice(middle, size))


def permuted(split: Split) -> Split:
    """The split in a random order that is the same in every run, so it can be cut regardless of its original order."""
    return _part(split, order.subset("splits", len(split)))


def _part(split: Split, chosen: slice | np.ndarray) -> Split:
    """The examples that a slice or an index array selects. Slices of arrays are not copied."""
    if not isinstance(split.examples, np.ndarray):
        return Split(Part(split.examples, np.arange(len(split), dtype=np.int32)[chosen]))
    labels, conditions = (None if x is None else x[chosen] for x in (split.labels, split.conditions))
    return Split(split.examples[chosen], labels, conditions)


def ends_like_the_rest(split: Split, count: int) -> bool:
    """Whether the labels of the last `count` examples are distributed like the others', so these can be cut off.

    At most `CHECKED` examples of each part are compared. In random order, the count of a class in a part is
    hypergeometric. For every class it must be within three standard deviations of its mean. With no labels, or a single
    class, the answer is False.
    """
    rest = len(split) - count
    parts = (np.sort(order.subset("splits", rest, CHECKED)), rest + np.sort(order.subset("splits", count, CHECKED)))
    labels = [found for part in parts if len(part) and (found := split.take_labels(part)) is not None]
    if len(labels) < 2:
        return False
    classes = 1 + max(int(part.max()) for part in labels)
    others, last = (np.bincount(part, minlength=classes).astype(np.float64) for part in labels)
    total, n = others + last, len(labels[1])
    size = len(labels[0]) + n
    mean = n * total / size
    variance = mean * (1 - total / size) * (size - n) / (size - 1)
    return bool((total < size).all() and (np.abs(last - mean) <= 3 * np.sqrt(variance)).all())


def assemble(
    name: str,
    train: Split,
    test: Split | None,
    validation_examples: int,
    *,
    where: str,
    validation: Split | None = None,
    num_classes: int | None = None,
    notes: tuple[str, ...] = (),
) -> Dataset:
    """A dataset with three splits. A missing validation or test split is cut off from the training examples.

    A file may have its examples in any order, for example by class. So missing splits are cut after a fixed
    permutation: [train | validation | test], with as many test examples as validation examples (a sixth if there are
    none). One case is cut by position, as is usual for MNIST's 60,000 (50,000 and 10,000): if the data has its own test
    split and `ends_like_the_rest` is true, the last training examples become the validation split.

    Labels 1 to K in files become the classes 0 to K − 1.

    Args:
      name: the dataset's name.
      train, test, validation: the data's own splits, or None.
      validation_examples: as for every `Loader`.
      where: names the source of the data in messages.
      num_classes: None means one more than the largest label, if there are labels.
      notes: the loader's notes, for `Dataset.notes`.

    Raises:
      DataError: the splits' examples differ in shape or type.
      UsageError: no training examples would be left.
    """
    for other, split in (("test", test), ("validation", validation)):
        if split is not None and _kind(split) != _kind(train):
            raise DataError(
                f"cannot use {where}",
                f"the training examples are {_kind(train)} and the {other} examples {_kind(split)}",
                "store all splits with the same shape and type",
            )
    _check_white(train, where)
    labels = [split.labels for split in (train, validation, test) if split is not None and split.labels is not None]
    if num_classes is None and labels:
        first, num_classes, note = numbering(np.concatenate(labels), where)
        if first:
            train = _numbered_from_0(train)
            test, validation = test and _numbered_from_0(test), validation and _numbered_from_0(validation)
        notes = (*notes, *note)

    count = held_out(len(train), validation_examples)
    if test is None:
        train, test = cut(permuted(train), count or len(train) // 6)
    elif validation is None and count and not ends_like_the_rest(train, count):
        train = permuted(train)
    if validation is None:
        train, validation = cut(train, held_out(len(train), count))
    return Dataset(name, train, validation, test, train.example_shape, num_classes, notes=notes)


def numbering(labels: np.ndarray, where: str) -> tuple[int, int, tuple[str, ...]]:
    """How labels in files number the classes. DataError if they are too large for class numbers.

    Args:
      labels: integers ≥ 0 [n], of all splits.
      where: names the source of the data in messages.

    Returns:
      The label of the first class (0 or 1), the number of classes, and a note if the first is 1.
    """
    numbers = np.unique(labels)
    _check_classes(int(numbers[-1]), len(labels), where)
    count = 1 + int(numbers[-1])
    if len(numbers) == 1 or not np.array_equal(numbers, np.arange(1, count)):
        return 0, count, ()
    return 1, count - 1, (f"its labels 1 to {count - 1} are the classes 0 to {count - 2}",)


def _numbered_from_0(split: Split) -> Split:
    return split if split.labels is None else Split(split.examples, split.labels - 1, split.conditions)


def _check_white(split: Split, where: str) -> None:
    """DataError if images contain only bytes 0 and 1, which would look black."""
    if split.dtype == np.uint8 and len(split):
        images = split.take(order.subset("splits", len(split), LOOKED_AT)) if not split.in_memory else split.examples
        assert isinstance(images, np.ndarray)
        if images.max() == 1 and images.min() == 0:
            raise DataError(
                f"cannot use {where}",
                "the images' bytes are 0 and 1: the largest value is 1, and white is 255",
                "store images * 255, or images.astype(bool) in an .npz file",
            )


def _check_classes(largest: int, count: int, where: str) -> None:
    """DataError if the labels of `count` examples are too large to be class numbers."""
    if largest >= max(count, MOST_CLASSES):
        raise DataError(
            f"cannot use the labels of {where}",
            f"they go up to {largest:,}, and there are {count:,} examples: they are ids, and do not number classes",
            "store np.unique(labels, return_inverse=True)[1], which are numbers from 0, or no labels",
        )


def _kind(split: Split) -> str:
    vectors = "" if split.conditions is None else f" with conditions {list(split.conditions.shape[1:])}"
    return f"{split.dtype} {list(split.example_shape)}{vectors}"
