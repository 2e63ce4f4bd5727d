"""Distributions: probability vectors, and densities on a grid.

A distribution is a probability vector [..., n], or a density on a grid of n cells with `cell_width` the length, area
or volume of one cell; leading axes are a batch. Integrals over a density are sums over the cells, value at the cell's
centre times `cell_width` (the midpoint rule), so a grid of two dimensions is passed flattened. A probability vector is
the case `cell_width=1`.

A vector that is negative or does not sum to 1 (within `TOLERANCE`) raises ValueError; under `jit` or `vmap`, where
values cannot be looked at, the result is NaN instead.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

TOLERANCE = 1e-3
"""How far from 1 a total mass may lie: room for a density cut off at the ends of its grid."""


def distribution(p: ArrayLike, *, cell_width: float = 1.0, name: str = "p") -> jax.Array:
    """Checks one distribution, and returns it as an array of floating type.

    Args:
      p: [..., n], probabilities, or a density.
      cell_width: length, area or volume of a cell, > 0; 1 for probabilities.
      name: what to call it in an error.

    Returns:
      [..., n]; filled with NaN where a check failed that could not raise (under `jit` or `vmap`).

    Raises:
      ValueError: no axis or an empty one, an entry that is negative or not a number, or a total mass off 1 by more
        than `TOLERANCE`.
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
    """Two checked distributions over the same points; ValueError, naming both shapes, when these differ.

    With `cell_width` None they are any densities at the same points, and their mass is not checked.
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
    """Which entries are negative or NaN; ValueError if any is."""
    negative = ~(p >= 0)
    if known(negative.any()):
        raise ValueError(f"{name} has an entry that is negative or not a number: {number(p.min()):.6g}")
    return negative


def expectation(p: jax.Array, values: jax.Array, cell_width: float = 1.0) -> jax.Array:
    """E_P[values] = Σ p·values, where a point that P cannot reach counts nothing, whatever the value there.

    Args:
      p: [..., n], a distribution; it is not checked.
      values: [..., n].
      cell_width: of the grid, for a density.

    Returns:
      [...].
    """
    reached = p > 0
    return jnp.where(reached, p * jnp.where(reached, values, 0.0), p * 0).sum(-1) * cell_width


def expected_log(p: jax.Array, q: jax.Array, cell_width: float) -> jax.Array:
    """Σ p log q."""
    return expectation(p, jnp.log(jnp.where(p > 0, q, 1.0)), cell_width)


def floating(p: ArrayLike) -> jax.Array:
    """An array of floating type."""
    p = jnp.asarray(p)
    return p if jnp.issubdtype(p.dtype, jnp.floating) else p.astype(jnp.result_type(float))


def known(condition: ArrayLike) -> bool | None:
    """The truth of a condition, or None while it is being traced and has none."""
    try:
        return bool(condition)
    except jax.errors.ConcretizationTypeError:
        return None


def number(x: jax.Array) -> float:
    """A scalar's value for an error message, also while its gradient is taken."""
    return float(jax.lax.stop_gradient(x))


def in_base(nats: jax.Array, base: float | None) -> jax.Array:
    """A number of nats, in units of log `base`: ValueError for a base that is not above 1."""
    if base is None:
        return nats
    if not base > 1:
        raise ValueError(f"base must be above 1, got {base}; 2 for bits, None for nats")
    return nats / jnp.log(jnp.asarray(base, nats.dtype))
