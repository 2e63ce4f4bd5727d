"""Which examples a step sees: a pure function of (seed, step), so a resumed run needs only its step number.

A step begins at batch step · minibatches, or at the batch that the caller's `first` returns. Batch m belongs to epoch
⌊m / per_epoch⌋, with per_epoch = ⌊size / batch_size⌋. Every epoch has its own permutation. Within an epoch no example
is seen twice, and the remainder that does not fill a batch is dropped.
"""

import functools
from collections.abc import Callable

import numpy as np

from jaxgan.errors import DataError

_WORD = 2**64 - 1


@functools.lru_cache(maxsize=2)
def permutation(seed: int, epoch: int, size: int) -> np.ndarray:
    """The order of the examples in an epoch.

    It sorts the raw words of a Philox stream. numpy guarantees these words for all versions, but not the output of
    `Generator.permutation`, and a run must resume identically under a later numpy.

    Args:
      seed: any integer; taken modulo 2⁶⁴.
      epoch: at least 0.
      size: number of examples.

    Returns:
      [size] int32; read-only, since it is cached and shared.
    """
    key = np.array([seed & _WORD, epoch & _WORD], np.uint64)
    order = np.argsort(np.random.Philox(key=key).random_raw(size), kind="stable").astype(np.int32)
    order.setflags(write=False)
    return order


SUBSETS = {"examples": 0, "anchors": 1, "conditions": 2, "splits": 3}
"""Names of fixed random orders of the examples, independent of a run's seed: each is an epoch of seed 0."""


def subset(name: str, size: int, count: int | None = None) -> np.ndarray:
    """The first `count` of `size` examples (None: all) in a random order that is the same in every run.

    Args:
      name: one of `SUBSETS`.
      size, count: numbers of examples.

    Returns:
      [min(count, size)] int32, read-only.
    """
    return permutation(0, SUBSETS[name], size)[:count]


def batches_per_epoch(*, size: int, batch_size: int) -> int:
    """Number of whole batches in an epoch, ⌊size / batch_size⌋ ≥ 1. DataError if a batch is empty or too large."""
    if not 1 <= batch_size <= size:
        raise DataError(
            "cannot form a batch",
            f"batch_size is {batch_size} and there are {size} training examples",
            "choose a batch_size from 1 to the number of training examples",
        )
    return size // batch_size


def batch_indices(
    seed: int,
    start: int,
    stop: int,
    *,
    size: int,
    batch_size: int,
    minibatches: int = 1,
    first: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """The examples of training steps start, …, stop − 1.

    Args:
      seed: any integer.
      start: the first step, at least 0.
      stop: one past the last step.
      size: number of examples.
      batch_size: examples in a batch, at most `size`.
      minibatches: batches per step (k of Algorithm 1), at least 1.
      first: `steps -> number of each step's first batch`, increasing, for steps that use fewer batches than they see;
        None means step · minibatches.

    Returns:
      [stop − start, minibatches, batch_size] int32 indices, 0 to size − 1.

    Raises:
      DataError: the batch does not fit the data.
      ValueError: the steps do not form a range.
    """
    if not 0 <= start <= stop or minibatches < 1:
        raise ValueError(f"need 0 <= start <= stop and minibatches >= 1, got {start}, {stop} and {minibatches}")
    per_epoch = batches_per_epoch(size=size, batch_size=batch_size)
    steps = np.arange(start, stop, dtype=np.int64)
    numbers = (steps * minibatches if first is None else first(steps))[:, None] + np.arange(minibatches)[None]
    lowest, last = (int(numbers[0, 0]), int(numbers[-1, -1]) + 1) if len(steps) else (0, 0)
    rows = [np.empty((0, batch_size), np.int32)]
    for epoch in range(lowest // per_epoch, -(-last // per_epoch)):
        begin, end = max(lowest - epoch * per_epoch, 0), min(last - epoch * per_epoch, per_epoch)
        rows.append(permutation(seed, epoch, size)[begin * batch_size : end * batch_size].reshape(-1, batch_size))
    return np.concatenate(rows)[numbers - lowest]


def epoch_of(step: int, *, size: int, batch_size: int, minibatches: int = 1) -> float:
    """Epochs completed before a step: step · minibatches / ⌊size / batch_size⌋. Arguments as for `batch_indices`."""
    return step * minibatches / batches_per_epoch(size=size, batch_size=batch_size)
