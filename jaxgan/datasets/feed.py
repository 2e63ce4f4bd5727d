"""How batches get to the device: gathered there from the whole data, or streamed to it in chunks."""

import os
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.datasets import order
from jaxgan.datasets.base import Source, Split

CONDITIONS = ("labels", "conditions")
"""What a `Split` has that may be the condition, by field."""


def scale(examples: jax.Array, low: float = 0.0, high: float = 1.0) -> jax.Array:
    """Bytes to floats: low·(1 − x/255) + high·x/255; floats pass through unchanged.

    Args:
      examples: uint8 0 to 255, or float32, any shape.
      low: what 0 becomes.
      high: what 255 becomes.

    Returns:
      float32, same shape, never outside [low, high].
    """
    if examples.dtype != jnp.uint8:
        return examples
    part = examples.astype(jnp.float32) / 255
    # A compiler that fuses these, or divides by multiplying, may overshoot an end by one unit in the last place.
    return jnp.clip(low * (1 - part) + high * part, low, high)


def gather(
    data: dict[str, jax.Array], indices: jax.Array, *, low: float = 0.0, high: float = 1.0
) -> dict[str, jax.Array]:
    """The batches at some indices, from data on the device; pure, for use inside a compiled step.

    Args:
      data: "examples": uint8 or float32 [n, ...]; and what is to be the condition, if there is one: "labels": int32
        [n], or "conditions": float32 [n, dim].
      indices: int32 [..., batch], 0 to n − 1, as `order.batch_indices` gives them.
      low: what byte 0 becomes.
      high: what byte 255 becomes.

    Returns:
      "real": float32 [..., batch, ...]; and "condition": int32 [..., batch], or float32 [..., batch, dim].
    """
    batch = {"real": scale(jnp.take(data["examples"], indices, axis=0), low, high)}
    for name in CONDITIONS:
        if name in data:
            batch["condition"] = jnp.take(data[name], indices, axis=0)
    return batch


def memory_limit(fraction: float = 0.25) -> int:
    """How many bytes of data may live on the device.

    Args:
      fraction: of the device's memory, 0 to 1.

    Returns:
      That part of the first device's memory; where the device does not tell (CPUs), of the host's.
    """
    statistics = jax.local_devices()[0].memory_stats() or {}
    total = statistics.get("bytes_limit") or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(fraction * total)


def fits(split: Split, limit: int) -> bool:
    """Whether a split may live on the device.

    Args:
      split: any split.
      limit: bytes.

    Returns:
      True if it is an array of at most that size; False for larger ones and for every `Source`.
    """
    return isinstance(split.examples, np.ndarray) and split.examples.nbytes <= limit


def stream(
    split: Split | Source,
    *,
    seed: int,
    start: int,
    stop: int,
    chunk: int,
    batch_size: int,
    minibatches: int = 1,
    condition: str | None = None,
    rows: slice = slice(None),
    workers: int = 2,
    prefetch: int = 2,
) -> Iterator[dict[str, np.ndarray]]:
    """The batches of steps start, …, stop − 1, read ahead by threads (Grain), a chunk of steps at a time.

    They are exactly those of `order.batch_indices`, so `gather` would give the same; nothing before `start` is read.

    Args:
      split: what to read from.
      seed: seed of the order.
      start: first step.
      stop: one past the last step.
      chunk: steps in an element, at least 1; the last element has what is left.
      batch_size: examples in a batch.
      minibatches: batches in a step.
      condition: one of `CONDITIONS`, to read it too; None for none.
      rows: which of a batch's examples to read: all, or one process's share of them.
      workers: threads that read, each a chunk; 0 reads in the caller's thread.
      prefetch: chunks read ahead, which must fit in memory; at least `workers`.

    Returns:
      An iterator of "real": [chunk, minibatches, rows, ...] as stored (uint8 or float32; `scale` it on the
      device), and if asked for "condition": int32 [chunk, minibatches, rows], or float32 [..., dim].

    Raises:
      DataError: the batch does not fit the data, or the data cannot be read; at the chunk it happens in.
      ValueError: a condition is asked for and there is none.
    """
    size = len(split)
    order.batches_per_epoch(size=size, batch_size=batch_size)

    def read(number: int) -> dict[str, np.ndarray]:
        first = start + number * chunk
        indices = order.batch_indices(
            seed, first, min(first + chunk, stop), size=size, batch_size=batch_size, minibatches=minibatches
        )[..., rows]
        examples, beside = _read(split, indices.ravel(), condition)
        found = {"real": examples} if beside is None else {"real": examples, "condition": beside}
        return {name: values.reshape(*indices.shape, *values.shape[1:]) for name, values in found.items()}

    return _prefetched(read, -(-(stop - start) // chunk), workers, prefetch)


def _read(split: Split | Source, indices: np.ndarray, condition: str | None) -> tuple[np.ndarray, np.ndarray | None]:
    split = split if isinstance(split, Split) else Split(split)
    beside = None if condition is None else read_condition(split, indices, condition)
    if condition is not None and beside is None:
        raise ValueError(f"{condition} were asked for, and the data has none")
    source = split.examples
    return source[indices] if isinstance(source, np.ndarray) else source.read(indices), beside


def read_condition(split: Split, indices: np.ndarray, condition: str) -> np.ndarray | None:
    """The labels or conditions of some examples.

    Args:
      split: any.
      indices: int [n], of the examples.
      condition: one of `CONDITIONS`.

    Returns:
      int32 [n], or float32 [n, dim]; None if the data has none.
    """
    if condition == "labels" and not isinstance(split.examples, np.ndarray):
        return split.examples.read_labels(indices)
    values = split.labels if condition == "labels" else split.conditions
    return None if values is None else values[indices]


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
        iterator.close()  # A caller that stops early must not leave threads reading.
