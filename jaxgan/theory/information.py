"""Information measures: what the paper's theory is written in.

Of probability vectors, or of densities on a grid by the midpoint rule (`jaxgan.theory.distributions`); in nats, in bits
with `base=2`.

Everywhere 0·log 0 = 0, and the gradient of such a term is 0 too: an empty cell is taken as outside the support.
A divergence that is infinite is returned as `inf`.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxgan.theory.distributions import distribution, expectation, floating, in_base, known, pair


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
        raise ValueError(f"probabilities lie in [0, 1], got values from {jnp.min(p)} to {jnp.max(p)}")
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
    return in_base(-_expectation(p, p, cell_width), base)


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


class FDivergence(NamedTuple):
    """D_f(P‖Q) = Σ q f(p/q) for a convex f with f(1) = 0.

    Attributes:
      perspective: `(p, q) -> q·f(p/q)`, elementwise, for p, q > 0.
      at_zero: f(0), the limit from above: a point that only Q can reach costs q·f(0).
      slope: lim f(t)/t for t → ∞: a point that only P can reach costs p·slope.
    """

    perspective: Callable[[jax.Array, jax.Array], jax.Array]
    at_zero: float
    slope: float


def f_divergence(p: ArrayLike, q: ArrayLike, f: FDivergence | str, *, cell_width: float = 1.0) -> jax.Array:
    """D_f(P‖Q) = Σ q f(p/q): the family of KL, Jensen-Shannon, total variation, χ² and Hellinger.

    Args:
      p, q: [..., n] each, probabilities or densities on one grid.
      f: a name in `F_DIVERGENCES`, or an `FDivergence`.
      cell_width: of the grid, for densities.

    Returns:
      [...], ≥ 0, in nats where f is logarithmic; 0 for equal distributions.

    Raises:
      ValueError: p or q is not a distribution, their shapes differ, or the name is unknown.

    Source: Csiszár 1967; Nowozin et al. 2016 (arXiv:1606.00709), table 1.
    """
    if isinstance(f, str):
        if f not in F_DIVERGENCES:
            raise ValueError(f"unknown f-divergence {f!r}; one of {', '.join(F_DIVERGENCES)}")
        f = F_DIVERGENCES[f]
    p, q = pair(p, q, cell_width)
    both = (p > 0) & (q > 0)
    # Ones where a term is replaced: the derivative of what is not chosen must be finite, or the choice makes it NaN.
    inside = f.perspective(jnp.where(both, p, 1.0), jnp.where(both, q, 1.0))
    only_p = jnp.where((p > 0) & (q == 0), _times(p, f.slope), 0.0)
    only_q = jnp.where((q > 0) & (p == 0), _times(q, f.at_zero), 0.0)
    terms = jnp.where(both, inside, only_p + only_q)
    total = jnp.where(jnp.isnan(p + q).any(-1), jnp.nan, terms.sum(-1) * cell_width)
    # Rounding may take a sum of terms of both signs below 0. Written as a sum so that the gradient is untouched.
    return total + jax.lax.stop_gradient(jnp.maximum(-total, 0.0))


def _kl(p, q):
    return p * _log_ratio(p, q)


def _jensen_shannon(p, q):
    middle = (p + q) / 2
    return (p * _log_ratio(p, middle) + q * _log_ratio(q, middle)) / 2


def _log_ratio(p, q):
    """log(p/q); by log1p(p/q − 1), which keeps the digits, where the two are nearly equal."""
    near = jnp.abs(p - q) < 0.5 * q
    return jnp.where(near, jnp.log1p(jnp.where(near, (p - q) / q, 0.0)), jnp.log(p) - jnp.log(q))


F_DIVERGENCES: dict[str, FDivergence] = {
    "kl": FDivergence(_kl, 0.0, float("inf")),  # f(t) = t log t
    "reverse_kl": FDivergence(lambda p, q: _kl(q, p), float("inf"), 0.0),  # −log t
    "jensen_shannon": FDivergence(_jensen_shannon, 0.34657359027997264, 0.34657359027997264),  # both ½ log 2
    "total_variation": FDivergence(lambda p, q: jnp.abs(p - q) / 2, 0.5, 0.5),  # ½ |t − 1|
    "pearson": FDivergence(lambda p, q: (p - q) ** 2 / q, 1.0, float("inf")),  # (t − 1)²
    "neyman": FDivergence(lambda p, q: (p - q) ** 2 / p, float("inf"), 1.0),  # (t − 1)²/t
    "squared_hellinger": FDivergence(lambda p, q: (jnp.sqrt(p) - jnp.sqrt(q)) ** 2, 1.0, 1.0),  # (√t − 1)²
}


def _expectation(p: jax.Array, q: jax.Array, cell_width: float) -> jax.Array:
    """Σ p log q."""
    return expectation(p, jnp.log(jnp.where(p > 0, q, 1.0)), cell_width)


def _times(x: jax.Array, factor: float) -> jax.Array:
    """x·factor for a factor that may be infinite, without 0·inf in the value or in the gradient."""
    return jnp.full_like(x, factor) if factor == float("inf") else x * factor
