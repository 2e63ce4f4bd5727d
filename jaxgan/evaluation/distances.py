"""Distances between two sets of examples, in blocks so that memory grows with only one of them; double precision."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp

BLOCK_VALUES = 2**23
"""Number of distances in memory at once: 32 MiB in single precision."""


def block_size(columns: int) -> int:
    """How many rows of distances to `columns` examples fit in memory at once."""
    return max(1, BLOCK_VALUES // columns)


def map_blocks(function: Callable[[jax.Array], Any], values: jax.Array, block: int) -> Any:
    """Applies a row-wise function of values [n, ...] to `block` rows at a time; returns a pytree of [n, ...].

    The function receives [block, ...]; the last block is padded with zeros.
    """
    count = len(values)
    block = min(block, count)
    filled = jnp.pad(values, [(0, -count % block)] + [(0, 0)] * (values.ndim - 1))
    results = jax.lax.map(function, filled.reshape(-1, block, *values.shape[1:]))
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:count], results)


def squared_distances(a: jax.Array, b: jax.Array) -> jax.Array:
    """‖a_i − b_j‖² [n, m] of a [n, dim] and b [m, dim], by one matrix product; never negative."""
    squares = jnp.square(a).sum(1)[:, None] + jnp.square(b).sum(1)[None]
    return jnp.maximum(squares - 2 * jnp.matmul(a, b.T, precision=jax.lax.Precision.HIGHEST), 0)


def first_minimum(values: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`min` and `argmin` of each row [n, m]. XLA does not vectorise `argmin` on CPUs."""
    smallest = values.min(1)
    columns = jnp.arange(values.shape[1], dtype=jnp.int32)
    index = jnp.where(values == smallest[:, None], columns[None], values.shape[1]).min(1)
    return smallest, jnp.minimum(index, values.shape[1] - 1)  # NaN equals no value


@contextlib.contextmanager
def double_precision() -> Iterator[None]:
    """A context in which JAX computes in float64, for metrics that are small differences of large numbers.

    A TPU has no float64 linear algebra, so the computation runs on the host's CPU.
    """
    device = jax.devices("cpu")[0] if jax.default_backend() == "tpu" else None
    with jax.enable_x64(True), jax.default_device(device):
        yield
