"""Distributions: probability vectors, and densities on a grid.

A distribution is a probability vector [..., n], or a density on a grid of n cells, where `cell_width` is the length,
area or volume of a cell. Leading axes are batch axes. Integrals over a density are sums over the cells: the value at
the cell's centre times `cell_width` (the midpoint rule). A two-dimensional grid is therefore passed flattened. A
probability vector is the case `cell_width=1`.

A vector that is negative or does not sum to 1 (within `TOLERANCE`) raises ValueError. Under `jit` or `vmap`, where
values cannot be inspected, the result is NaN instead.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

TOLERANCE = 1e-3
"""Tolerance for a total mass of 1, to allow for a density cut off at the ends of its grid."""


def distribution(p: ArrayLike, *, cell_width: float = 1.0, name: str = "p") -> jax.Array:
    """Checks a distribution, and returns it as a floating array.

    Args:
      p: [..., n], probabilities, or a density.
      cell_width: length, area or volume of a cell, > 0; 1 for probabilities.
      name: its name in error messages.

    Returns:
      [..., n]; filled with NaN if a check failed that could not raise (under `jit` or `vmap`).

    Raises:
      ValueError: there is no axis, or an empty one; an entry is negative or not a number; or the total mass differs
        from 1 by more than `TOLERANCE`.
    """
    p = floating(p)
    if p.ndim < 1 or p.shape[-1] == 0:
        raise ValueError(f"{name} must be a distribution [..., n] with n at least 1, got shape {p.shape}")
    if known(cell_width > 0) is False:
        raise ValueError(f"cell_width must be above 0, got {cell_width}")
    negative = _negative(p, name).any(-1)
    mass = p.sum(-1) * cell_width
    off = jnp.abs(mass - 1) > TOLERANCE
    if known(off.any()):
        worst = mass.reshape(-1)[jnp.argmax(jnp.abs(mass - 1))]
        hint = (
            "divide it by its sum, or pass cell_width if it is a density"
            if known(cell_width == 1)
            else "check cell_width, or widen the grid"
        )
        raise ValueError(f"{name} has a total mass of {number(worst):.6g} where 1 is needed; {hint}")
    return jnp.where((negative | off)[..., None], jnp.nan, p)


def pair(
    p: ArrayLike, q: ArrayLike, cell_width: float | None, names: tuple[str, str] = ("p", "q")
) -> tuple[jax.Array, jax.Array]:
    """Two checked distributions over the same points. If their shapes differ, ValueError names both.

    If `cell_width` is None, they are arbitrary densities at the same points, and their mass is not checked.
    """
    first, second = floating(p), floating(q)
    if first.shape != second.shape:
        raise ValueError(
            f"{names[0]} and {names[1]} must have one shape, got {first.shape} and {second.shape}; put both on the "
            "same points"
        )

    def checked(x, name):
        if cell_width is not None:
            return distribution(x, cell_width=cell_width, name=name)
        return jnp.where(_negative(x, name), jnp.nan, x)

    return checked(first, names[0]), checked(second, names[1])


def data_and_generator(
    p_data: ArrayLike, p_generator: ArrayLike, cell_width: float | None
) -> tuple[jax.Array, jax.Array]:
    """`pair` for p_data and p_generator."""
    return pair(p_data, p_generator, cell_width, ("p_data", "p_generator"))


def _negative(p: jax.Array, name: str) -> jax.Array:
    """Which entries are negative or NaN; ValueError if any are."""
    negative = ~(p >= 0)
    if known(negative.any()):
        raise ValueError(f"{name} has an entry that is negative or not a number: {number(p.min()):.6g}")
    return negative


def expectation(p: jax.Array, values: jax.Array, cell_width: float = 1.0) -> jax.Array:
    """E_P[values] = Σ p·values, [...]. A point with probability 0 does not count, whatever its value.

    Args:
      p: [..., n], a distribution; it is not checked.
      values: [..., n].
      cell_width: cell width of the grid, for a density.
    """
    reached = p > 0
    return jnp.where(reached, p * jnp.where(reached, values, 0.0), p * 0).sum(-1) * cell_width


def expected_log(p: jax.Array, q: jax.Array, cell_width: float) -> jax.Array:
    """Σ p log q."""
    return expectation(p, jnp.log(jnp.where(p > 0, q, 1.0)), cell_width)


def floating(p: ArrayLike) -> jax.Array:
    """Converts to a floating array."""
    p = jnp.asarray(p)
    return p if jnp.issubdtype(p.dtype, jnp.floating) else p.astype(jnp.result_type(float))


def known(condition: ArrayLike) -> bool | None:
    """The truth of a condition; None while it is traced and has no value."""
    try:
        return bool(condition)
    except jax.errors.ConcretizationTypeError:
        return None


def number(x: jax.Array) -> float:
    """A scalar's value for an error message, even while its gradient is computed."""
    return float(jax.lax.stop_gradient(x))


def in_base(nats: jax.Array, base: float | None) -> jax.Array:
    """Converts nats to units of log `base`. ValueError if the base is not above 1."""
    if base is None:
        return nats
    if not base > 1:
        raise ValueError(f"base must be above 1, got {base}; 2 for bits, None for nats")
    return nats / jnp.log(jnp.asarray(base, nats.dtype))
