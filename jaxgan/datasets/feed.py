"""Feeds batches to the device: gathered there from the whole data, or streamed to it in chunks."""

import contextlib
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.datasets import order
from jaxgan.datasets.base import Source, Split, ValueRange
from jaxgan.training.step import TrainStep
from jaxgan.types import minibatch_keys

CONDITIONS = ("labels", "conditions")
"""Fields of a `Split` that can serve as the condition."""


def gather(
    data: dict[str, jax.Array], indices: jax.Array, values: ValueRange = ValueRange(), *, mirror: bool = False
) -> dict[str, jax.Array]:
    """Gathers the batches at given indices from data on the device. Pure, for use inside a compiled step.

    Args:
      data: "examples": uint8 or float32 [n, ...]; and the condition, if any: "labels": int32 [n], or "conditions":
        float32 [n, ...].
      indices: int32 [..., batch], 0 to n − 1, from `order.batch_indices` (of size 2n if `mirror`).
      values: the range to which bytes are scaled.
      mirror: indices refer to twice as many images [height, width, channels]: index 2i is example i, and index 2i + 1
        is example i flipped horizontally. Both have the condition of example i.

    Returns:
      "real": float32 [..., batch, ...]; and "condition": int32 [..., batch], or float32 [..., batch, ...].
    """
    if mirror:
        indices, flipped = indices // 2, indices % 2 == 1
    examples = jnp.take(data["examples"], indices, axis=0)
    if mirror:
        examples = jnp.where(flipped[..., None, None, None], jnp.flip(examples, -2), examples)
    batch = {"real": values.scale(examples)}
    for name in CONDITIONS:
        if name in data:
            batch["condition"] = jnp.take(data[name], indices, axis=0)
    return batch


def dequantized(train_step: TrainStep, values: ValueRange, axis_name: str | None) -> TrainStep:
    """Wraps a step to dequantize its batches: adds noise of the size of one byte step (`ValueRange.dequantize`).

    The noise is drawn anew in every step, and does not depend on the number of devices.
    """

    def step(state, batch):
        real = batch["real"]
        minibatches, count = real.shape[:2]
        keys = minibatch_keys(state, "dequantization", minibatches, count, axis_name)
        noise = jax.vmap(jax.vmap(lambda key: jax.random.uniform(key, real.shape[2:])))(keys)
        return train_step(state, {**batch, "real": values.dequantize(real, noise)})

    return step


def memory_limit(fraction: float = 0.25) -> int:
    """A fraction (0 to 1) of the first device's memory in bytes, or of the host's if the device reports none (CPUs)."""
    statistics = jax.local_devices()[0].memory_stats() or {}
    return int(fraction * (statistics.get("bytes_limit") or host_memory()))


def host_memory(root: str = "/") -> int:
    """Bytes of memory that this process may use: the machine's, or less if its container is limited.

    Counts the limits of control groups (versions 1 and 2): the process's own group and those that contain it.

    Args:
      root: the directory that contains `proc` and `sys`; for tests.
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    groups = pathlib.Path(root, "sys/fs/cgroup")
    with contextlib.suppress(OSError):
        for line in pathlib.Path(root, "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "memory" not in controllers.split(","):
                continue
            place, file = (groups / "memory", "memory.limit_in_bytes") if controllers else (groups, "memory.max")
            own = pathlib.PurePosixPath(path.lstrip("/"))
            # A container may see its path from outside, but only the outermost group's files.
            for group in (own, *own.parents):
                with contextlib.suppress(OSError, ValueError):  # "max" is not a number
                    limits.append(int((place / group / file).read_text()))
    return min(limits)


def fits(split: Split, limit: int) -> bool:
    """Whether a split can live on the device: arrays of at most `limit` bytes, not a `Source`."""
    beside = 0 if split.conditions is None else split.conditions.nbytes
    return isinstance(split.examples, np.ndarray) and split.examples.nbytes + beside <= limit


def stream(
    split: Split | Source,
    *,
    seed: int,
    start: int,
    stop: int,
    chunk: int,
    batch_size: int,
    minibatches: int = 1,
    first: Callable[[np.ndarray], np.ndarray] | None = None,
    condition: str | None = None,
    mirror: bool = False,
    rows: slice = slice(None),
    workers: int = 2,
    prefetch: int = 2,
) -> Iterator[dict[str, np.ndarray]]:
    """Streams the batches of steps start, …, stop − 1, read ahead by threads (Grain), a chunk of steps at a time.

    The batches follow `order.batch_indices`, so `gather` gives the same ones. Nothing before `start` is read.

    Args:
      split: the data to read.
      seed, start, stop, batch_size, minibatches, first: as for `order.batch_indices`.
      chunk: steps per element, at least 1; the last element may have fewer.
      condition: one of `CONDITIONS`, if it is to be read too; else None.
      mirror: as for `gather`.
      rows: which examples of a batch to read: all, or one process's share.
      workers: number of reading threads, each of which reads whole chunks; 0 reads in the caller's thread.
      prefetch: number of chunks read ahead, which must fit in memory; at least `workers`.

    Returns:
      An iterator of dicts. "real": [chunk, minibatches, rows, ...] as stored (uint8 or float32; scale it on the
      device). With a condition, "condition": int32 [chunk, minibatches, rows], or float32 [..., ...].

    Raises:
      DataError: the batch does not fit the data; or the data cannot be read (raised at the chunk in question).
      ValueError: a condition is requested but the data has none.
    """
    split = split if isinstance(split, Split) else Split(split)
    size = len(split) * (1 + mirror)
    batch: dict[str, Any] = {"size": size, "batch_size": batch_size, "minibatches": minibatches, "first": first}
    order.batch_indices(seed, start, start, **batch)  # raises errors before anything is read

    def read(number: int) -> dict[str, np.ndarray]:
        begin = start + number * chunk
        indices = order.batch_indices(seed, begin, min(begin + chunk, stop), **batch)[..., rows]
        numbers = indices.ravel() // (1 + mirror)
        chunk_of = {"real": split.take(numbers)}
        if mirror:
            flipped = (indices.ravel() % 2 == 1)[:, None, None, None]
            chunk_of["real"] = np.where(flipped, np.flip(chunk_of["real"], -2), chunk_of["real"])
        if condition is not None:
            values = split.take_condition(numbers, condition)
            if values is None:
                raise ValueError(f"{condition} were asked for, and the data has none")
            chunk_of["condition"] = values
        return {name: values.reshape(*indices.shape, *values.shape[1:]) for name, values in chunk_of.items()}

    return _prefetched(read, -(-(stop - start) // chunk), workers, prefetch)


def _prefetched(
    read: Callable[[int], dict[str, np.ndarray]], chunks: int, workers: int, prefetch: int
) -> Iterator[dict[str, np.ndarray]]:
    import grain

    options = grain.ReadOptions(num_threads=workers, prefetch_buffer_size=max(prefetch, workers) if workers else 0)
    if chunks < 1:
        return
    iterator = iter(grain.MapDataset.range(chunks).map(read).to_iter_dataset(options))
    try:
        yield from iterator
    finally:
        iterator.close()  # If the caller stops early, no threads must be left reading.
