"""Information measures: what the paper's theory is written in.

Of probability vectors, or of densities on a grid by the midpoint rule (`jaxgan.theory.distributions`); in nats, in bits
with `base=2`.

Everywhere 0·log 0 = 0, and the gradient of such a term is 0 too: an empty cell is taken as outside the support.
A divergence that is infinite is returned as `inf`.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxgan.theory.distributions import distribution, expectation, floating, in_base, known, number, pair
from jaxgan.theory.f_divergences import F_DIVERGENCES, FDivergence, f_divergence


def self_information(p: ArrayLike, *, base: float | None = None) -> jax.Array:
    """I(x) = −log p(x), the surprise of an event of probability p(x).

    Args:
      p: probabilities, of any shape, each in [0, 1]; they need not sum to 1.
      base: 2 for bits; None for nats.

    Returns:
      The shape of p, ≥ 0, `inf` where p = 0.

    Raises:
      ValueError: a probability outside [0, 1].

    Source: Shannon 1948, "A Mathematical Theory of Communication".
    """
    p = floating(p)
    valid = (p >= 0) & (p <= 1)
    if known(~valid.all()):
        raise ValueError(f"probabilities lie in [0, 1], got values from {number(p.min()):.6g} to {number(p.max()):.6g}")
    return in_base(jnp.where(valid, -jnp.log(p) + 0.0, jnp.nan), base)  # + 0: not −0 at p = 1


def entropy(p: ArrayLike, *, cell_width: float = 1.0, base: float | None = None) -> jax.Array:
    """H(P) = −Σ p log p; of a density, the differential entropy −∫ p log p dx, which may be negative.

    Args:
      p: [..., n], probabilities or a density.
      cell_width: of the grid, for a density.
      base: 2 for bits; None for nats.

    Returns:
      [...]; of probabilities, in [0, log n].

    Raises:
      ValueError: p is not a distribution.

    Source: Shannon 1948.
    """
    p = distribution(p, cell_width=cell_width)
    return in_base(0.0 - _expectation(p, p, cell_width), base)  # not −0 for a certain outcome


def cross_entropy(p: ArrayLike, q: ArrayLike, *, cell_width: float = 1.0, base: float | None = None) -> jax.Array:
    """H(P, Q) = −Σ p log q = H(P) + KL(P‖Q): `inf` where q = 0 at a point that P can reach.

    Args:
      p, q: [..., n] each, probabilities or densities on one grid.
      cell_width: of the grid, for densities.
      base: 2 for bits; None for nats.

    Returns:
      [...].

    Raises:
      ValueError: p or q is not a distribution, or their shapes differ.

    Source: Shannon 1948; equation 1 of Goodfellow et al. 2014 (arXiv:1406.2661) is a sum of two of these.
    """
    p, q = pair(p, q, cell_width)
    return in_base(-_expectation(p, q, cell_width), base)


def kl_divergence(p: ArrayLike, q: ArrayLike, *, cell_width: float = 1.0, base: float | None = None) -> jax.Array:
    """KL(P‖Q) = Σ p log(p/q): ≥ 0, 0 only for equal distributions, not symmetric.

    Args:
      p, q: [..., n] each, probabilities or densities on one grid.
      cell_width: of the grid, for densities.
      base: 2 for bits; None for nats.

    Returns:
      [...], in [0, inf]; `inf` where q = 0 at a point that P can reach.

    Raises:
      ValueError: p or q is not a distribution, or their shapes differ.

    Source: Kullback and Leibler 1951.
    """
    p, q = pair(p, q, cell_width)
    return in_base(f_divergence(p, q, "kl", cell_width=cell_width), base)


def js_divergence(p: ArrayLike, q: ArrayLike, *, cell_width: float = 1.0, base: float | None = None) -> jax.Array:
    """JSD(P‖Q) = ½ KL(P‖M) + ½ KL(Q‖M) with M = ½(P + Q): symmetric, and finite for any two distributions.

    Args:
      p, q: [..., n] each, probabilities or densities on one grid.
      cell_width: of the grid, for densities.
      base: 2 for bits; None for nats.

    Returns:
      [...], in [0, log 2] nats = [0, 1] bits; log 2 where the supports are disjoint.

    Raises:
      ValueError: p or q is not a distribution, or their shapes differ.

    Source: Lin 1991; Theorem 1 of Goodfellow et al. 2014 (arXiv:1406.2661).
    """
    p, q = pair(p, q, cell_width)
    return in_base(f_divergence(p, q, "jensen_shannon", cell_width=cell_width), base)


def total_variation(p: ArrayLike, q: ArrayLike, *, cell_width: float = 1.0) -> jax.Array:
    """TV(P, Q) = ½ Σ |p − q|, the largest difference of the two in the probability of any event.

    Args:
      p, q: [..., n] each, probabilities or densities on one grid.
      cell_width: of the grid, for densities.

    Returns:
      [...], in [0, 1].

    Raises:
      ValueError: p or q is not a distribution, or their shapes differ.
    """
    return f_divergence(p, q, "total_variation", cell_width=cell_width)


def _expectation(p: jax.Array, q: jax.Array, cell_width: float) -> jax.Array:
    """Σ p log q."""
    return expectation(p, jnp.log(jnp.where(p > 0, q, 1.0)), cell_width)


__all__ = [
    "F_DIVERGENCES",
    "FDivergence",
    "cross_entropy",
    "entropy",
    "f_divergence",
    "js_divergence",
    "kl_divergence",
    "self_information",
    "total_variation",
]
