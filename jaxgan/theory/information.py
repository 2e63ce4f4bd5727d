"""Information measures and f-divergences, the terms of the paper's theory.

The arguments p and q are [..., n]: probability vectors, or densities on the same grid with cells of `cell_width`, by
the midpoint rule (`jaxgan.theory.distributions`). Results are [...], in nats, or in bits with `base=2`. Invalid
distributions and different shapes raise ValueError.

0·log 0 = 0 everywhere, and the gradient of such a term is 0 too: an empty cell counts as outside the support.
An infinite divergence is returned as `inf`.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxgan.tables import Table
from jaxgan.theory.distributions import distribution, expected_log, floating, in_base, known, number, pair


def self_information(p: ArrayLike, *, base: float | None = None) -> jax.Array:
    """I(x) = −log p(x), the surprise of an event with probability p(x).

    Args:
      p: probabilities, of any shape, each in [0, 1]; they need not sum to 1.
      base: as above.

    Returns:
      The shape of p; ≥ 0, `inf` where p = 0.

    Raises:
      ValueError: a probability is outside [0, 1].

    Source: Shannon 1948, "A Mathematical Theory of Communication".
    """
    p = floating(p)
    valid = (p >= 0) & (p <= 1)
    if known(~valid.all()):
        raise ValueError(f"probabilities lie in [0, 1], got values from {number(p.min()):.6g} to {number(p.max()):.6g}")
    return in_base(jnp.where(valid, -jnp.log(p) + 0.0, jnp.nan), base)  # + 0 avoids −0 at p = 1


def entropy(p: ArrayLike, *, cell_width: float = 1.0, base: float | None = None) -> jax.Array:
    """H(P) = −Σ p log p; for a density, the differential entropy −∫ p log p dx, which may be negative.

    Returns:
      [...]; for probabilities, in [0, log n].

    Source: Shannon 1948.
    """
    p = distribution(p, cell_width=cell_width)
    return in_base(0.0 - expected_log(p, p, cell_width), base)  # avoids −0 for a certain outcome


def cross_entropy(p: ArrayLike, q: ArrayLike, *, cell_width: float = 1.0, base: float | None = None) -> jax.Array:
    """H(P, Q) = −Σ p log q = H(P) + KL(P‖Q); `inf` if q = 0 at a point where p > 0.

    Source: Shannon 1948; equation 1 of Goodfellow et al. 2014 (arXiv:1406.2661) is a sum of two of these.
    """
    p, q = pair(p, q, cell_width)
    return in_base(-expected_log(p, q, cell_width), base)


def kl_divergence(p: ArrayLike, q: ArrayLike, *, cell_width: float = 1.0, base: float | None = None) -> jax.Array:
    """KL(P‖Q) = Σ p log(p/q): ≥ 0, and 0 only for equal distributions; not symmetric.

    Returns:
      [...], in [0, inf]; `inf` if q = 0 at a point where p > 0.

    Source: Kullback and Leibler 1951.
    """
    return in_base(f_divergence(p, q, "kl", cell_width=cell_width), base)


def js_divergence(p: ArrayLike, q: ArrayLike, *, cell_width: float = 1.0, base: float | None = None) -> jax.Array:
    """JSD(P‖Q) = ½ KL(P‖M) + ½ KL(Q‖M) with M = ½(P + Q): symmetric, and finite for any two distributions.

    Returns:
      [...], in [0, log 2] nats = [0, 1] bits; log 2 if the supports are disjoint.

    Source: Lin 1991; Theorem 1 of Goodfellow et al. 2014 (arXiv:1406.2661).
    """
    return in_base(f_divergence(p, q, "jensen_shannon", cell_width=cell_width), base)


def total_variation(p: ArrayLike, q: ArrayLike, *, cell_width: float = 1.0) -> jax.Array:
    """TV(P, Q) = ½ Σ |p − q|, in [0, 1]: the largest difference between the two probabilities of any event."""
    return f_divergence(p, q, "total_variation", cell_width=cell_width)


class FDivergence(NamedTuple):
    """D_f(P‖Q) = Σ q f(p/q) for a convex f with f(1) = 0.

    Attributes:
      perspective: `(p, q) -> q·f(p/q)`, elementwise, for p, q > 0.
      at_zero: f(0), the limit from above: a point with p = 0 contributes q·f(0).
      slope: lim f(t)/t for t → ∞: a point with q = 0 contributes p·slope.
    """

    perspective: Callable[[jax.Array, jax.Array], jax.Array]
    at_zero: float
    slope: float


def f_divergence(p: ArrayLike, q: ArrayLike, f: FDivergence | str, *, cell_width: float = 1.0) -> jax.Array:
    """D_f(P‖Q) = Σ q f(p/q): the family of KL, Jensen-Shannon, total variation, χ² and Hellinger divergences.

    Args:
      p, q, cell_width: as above.
      f: a name in `F_DIVERGENCES`, or an `FDivergence`.

    Returns:
      [...], ≥ 0 (up to the error of the total masses), in nats if f is logarithmic; 0 for equal distributions.

    Raises:
      ValueError: as above, or the name is unknown, or f(1) is not 0.

    Source: Csiszár 1967; Nowozin et al. 2016 (arXiv:1606.00709), section 2.
    """
    if isinstance(f, str):
        f = F_DIVERGENCES[f]
    elif not isinstance(f, FDivergence):
        raise ValueError(f"f must be a name in F_DIVERGENCES or an FDivergence, got {type(f).__name__}")
    elif known(abs(f.perspective(jnp.ones(()), jnp.ones(()))) > 1e-6):
        raise ValueError(f"f(1) must be 0, got {number(f.perspective(jnp.ones(()), jnp.ones(()))):.6g}")
    p, q = pair(p, q, cell_width)
    both = (p > 0) & (q > 0)
    # Ones where a term is replaced: the derivative of the branch not taken must be finite, or `where` makes it NaN.
    inside = f.perspective(jnp.where(both, p, 1.0), jnp.where(both, q, 1.0))
    only_p = jnp.where((p > 0) & (q == 0), _times(p, f.slope), 0.0)
    only_q = jnp.where((q > 0) & (p == 0), _times(q, f.at_zero), 0.0)
    terms = jnp.where(both, inside, only_p + only_q)
    total = jnp.where(jnp.isnan(p + q).any(-1), jnp.nan, terms.sum(-1) * cell_width)
    # Rounding may make a sum of terms of both signs slightly negative. Adding the correction keeps the gradient.
    size = (jnp.abs(terms).sum(-1) + p.sum(-1) + q.sum(-1)) * cell_width
    rounding = (total < 0) & (total > -16 * jnp.finfo(total.dtype).eps * size)
    return total + jax.lax.stop_gradient(jnp.where(rounding, -total, 0.0))


def _kl(p, q):
    return p * _log_ratio(p, q)


def _jensen_shannon(p, q):
    middle = (p + q) / 2
    return (p * _log_ratio(p, middle) + q * _log_ratio(q, middle)) / 2


# If written out, the derivatives of p/q and log(p/q) contain 1/q², which overflows in the tails of a density.
@jax.custom_jvp
def _log_ratio(p, q):
    """log(p/q); computed by log1p(p/q − 1) where the two are nearly equal, which keeps the digits."""
    near = jnp.abs(p - q) < 0.5 * q
    return jnp.where(near, jnp.log1p(jnp.where(near, (p - q) / q, 0.0)), jnp.log(p) - jnp.log(q))


@_log_ratio.defjvp
def _(primals, tangents):
    (p, q), (p_dot, q_dot) = primals, tangents
    return _log_ratio(p, q), p_dot / p - q_dot / q


@jax.custom_jvp
def _ratio(p, q):
    """p/q."""
    return p / q


@_ratio.defjvp
def _(primals, tangents):
    (p, q), (p_dot, q_dot) = primals, tangents
    return p / q, p_dot / q - p / q * (q_dot / q)


def _distance(p, q):
    """|p − q|, with derivative 0 where they are equal."""
    return jax.lax.stop_gradient(jnp.sign(p - q)) * (p - q)


def _chi_squared(p, q):
    return q * (_ratio(p, q) - 1) ** 2


F_DIVERGENCES: dict[str, FDivergence] = Table("f-divergence") | {
    "kl": FDivergence(_kl, 0.0, float("inf")),  # f(t) = t log t
    "reverse_kl": FDivergence(lambda p, q: _kl(q, p), float("inf"), 0.0),  # −log t
    "jensen_shannon": FDivergence(_jensen_shannon, 0.34657359027997264, 0.34657359027997264),  # both ½ log 2
    "total_variation": FDivergence(lambda p, q: _distance(p, q) / 2, 0.5, 0.5),  # ½ |t − 1|
    "pearson": FDivergence(_chi_squared, 1.0, float("inf")),  # (t − 1)²
    "neyman": FDivergence(lambda p, q: _chi_squared(q, p), float("inf"), 1.0),  # (t − 1)²/t
    "squared_hellinger": FDivergence(lambda p, q: (jnp.sqrt(p) - jnp.sqrt(q)) ** 2, 1.0, 1.0),  # (√t − 1)²
}


def _times(x: jax.Array, factor: float) -> jax.Array:
    """x·factor for a factor that may be infinite, without 0·inf in the value or the gradient."""
    return jnp.full_like(x, factor) if factor == float("inf") else x * factor
