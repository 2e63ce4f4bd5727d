"""The game of the paper's section 4: value, optimal discriminator, criterion and decompositions; and their estimates.

The arguments p_data and p_generator are [..., n]: probabilities, or densities on the same grid with cells of
`cell_width`. Invalid distributions and different shapes raise ValueError. Results are in nats.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxgan.theory.distributions import data_and_generator, expectation, expected_log, floating, in_base, known, number
from jaxgan.theory.information import js_divergence, kl_divergence

LOG4 = math.log(4)


def value(d: ArrayLike, p_data: ArrayLike, p_generator: ArrayLike, *, cell_width: float = 1.0) -> jax.Array:
    """V(D, G) = E_{p_d}[log D] + E_{p_g}[log(1 − D)], the value of the game for any discriminator.

    Args:
      d: [..., n], D(x) in [0, 1] at each point. If D rounds to 1 where p_g > 0, the result is −inf; `value_of_logits`
        does not have this limitation.
      p_data, p_generator, cell_width: as above.

    Returns:
      [...], in [−inf, 0]; −log 4 if D = ½ everywhere.

    Raises:
      ValueError: d is outside [0, 1], or as above.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), equation 1.
    """
    p_data, p_generator = data_and_generator(p_data, p_generator, cell_width)
    d = floating(d)
    if d.shape != p_data.shape:
        raise ValueError(f"d must have the shape of p_data, {p_data.shape}, got {d.shape}")
    outside = ~((d >= 0) & (d <= 1))
    if known(outside.any()):
        values = f"{number(d.min()):.6g} to {number(d.max()):.6g}"
        raise ValueError(f"d is a probability, in [0, 1], got values from {values}; apply sigmoid to logits")
    d = jnp.where(outside, jnp.nan, d)
    return expected_log(p_data, d, cell_width) + expected_log(p_generator, 1 - d, cell_width)


def value_of_logits(
    logits: ArrayLike, p_data: ArrayLike, p_generator: ArrayLike, *, cell_width: float = 1.0
) -> jax.Array:
    """V(D, G) for D = sigmoid(l): −E_{p_d}[softplus(−l)] − E_{p_g}[softplus(l)], exact for logits of any size.

    Args:
      logits: [..., n], l(x) at each point; ±inf where D is 1 or 0.
      p_data, p_generator, cell_width: as above.

    Returns:
      [...], in [−inf, 0].

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), equation 1.
    """
    p_data, p_generator = data_and_generator(p_data, p_generator, cell_width)
    logits = floating(logits)
    if logits.shape != p_data.shape:
        raise ValueError(f"logits must have the shape of p_data, {p_data.shape}, got {logits.shape}")
    of_data = expectation(p_data, jax.nn.softplus(-logits), cell_width)
    return -of_data - expectation(p_generator, jax.nn.softplus(logits), cell_width)


def optimal_discriminator(p_data: ArrayLike, p_generator: ArrayLike, *, cell_width: float | None = None) -> jax.Array:
    """D*(x) = p_d(x) / (p_d(x) + p_g(x)), which maximises V for a fixed generator.

    Args:
      p_data, p_generator: [..., n], probabilities or densities at the same points.
      cell_width: if given, both must be distributions on a grid with this cell width. D* does not depend on it.

    Returns:
      [..., n], in [0, 1]; ½ where both are 0, since every D is equally good there.

    Raises:
      ValueError: an entry is negative or not a number, the shapes differ, or with `cell_width` the mass is not 1.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), Proposition 1.
    """
    p_data, p_generator = data_and_generator(p_data, p_generator, cell_width)
    total = p_data + p_generator
    # Keeps the NaN of an invalid entry: NaN == 0 is false.
    return jnp.where(total == 0, 0.5, p_data / jnp.where(total == 0, 1.0, total))


def optimal_logits(p_data: ArrayLike, p_generator: ArrayLike, *, cell_width: float | None = None) -> jax.Array:
    """l*(x) = log p_d(x) − log p_g(x), the logit of D*: ±inf where only one of them is 0, and 0 where both are.

    Arguments, shape and errors as for `optimal_discriminator`.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), Proposition 1, with D = sigmoid(l).
    """
    p_data, p_generator = data_and_generator(p_data, p_generator, cell_width)
    neither = (p_data == 0) & (p_generator == 0)
    p_data, p_generator = (jnp.where(neither, 1.0, p) for p in (p_data, p_generator))
    return jnp.log(p_data) - jnp.log(p_generator)


def criterion(
    p_data: ArrayLike, p_generator: ArrayLike, *, cell_width: float = 1.0, base: float | None = None
) -> jax.Array:
    """C(G) = max_D V(D, G) = −log 4 + 2·JSD(p_d‖p_g). Its minimum −log 4 is attained only at p_g = p_d.

    Args:
      p_data, p_generator, cell_width: as above.
      base: 2 for bits; None for nats.

    Returns:
      [...], in [−log 4, 0].

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), equations 4 and 6, Theorem 1.
    """
    p_data, p_generator = data_and_generator(p_data, p_generator, cell_width)
    return in_base(2 * js_divergence(p_data, p_generator, cell_width=cell_width) - LOG4, base)


class MinimaxTerms(NamedTuple):
    """C(G) = V(D*, G) term by term: the `constant` −log 4 and 2·JSD(p_d‖p_g)."""

    constant: jax.Array
    jensen_shannon: jax.Array

    @property
    def total(self) -> jax.Array:
        """The sum of the terms: V(D*, G)."""
        return self.constant + self.jensen_shannon


class NonSaturatingTerms(NamedTuple):
    """The non-saturating generator's loss at D*, E_{p_g}[−log D*], term by term.

    Attributes:
      kl: KL(p_g‖p_d), which the generator reduces.
      jensen_shannon: −2·JSD(p_d‖p_g), which acts in the opposite direction.
      constant: 2 log 2.
      data: E_{p_d}[log D*]. It depends on the generator through D*, so it is constant only while D* is held fixed.
    """

    kl: jax.Array
    jensen_shannon: jax.Array
    constant: jax.Array
    data: jax.Array

    @property
    def total(self) -> jax.Array:
        """The sum of the terms: E_{p_g}[−log D*]."""
        return self.kl + self.jensen_shannon + self.constant + self.data


def minimax_terms(p_data: ArrayLike, p_generator: ArrayLike, *, cell_width: float = 1.0) -> MinimaxTerms:
    """V(D*, G) = −log 4 + 2·JSD(p_d‖p_g), term by term, each [...].

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), proof of Theorem 1.
    """
    p_data, p_generator = data_and_generator(p_data, p_generator, cell_width)
    jsd = js_divergence(p_data, p_generator, cell_width=cell_width)
    return MinimaxTerms(jnp.full_like(jsd, -LOG4), 2 * jsd)


def non_saturating_terms(p_data: ArrayLike, p_generator: ArrayLike, *, cell_width: float = 1.0) -> NonSaturatingTerms:
    """E_{p_g}[−log D*] = KL(p_g‖p_d) − 2·JSD(p_d‖p_g) + 2 log 2 + E_{p_d}[log D*], term by term, each [...].

    `kl`, and so the sum, is `inf` if p_g is positive where p_d is 0.

    Source: Arjovsky and Bottou 2017 (arXiv:1701.04862), Theorem 2.5, which gives the gradient of the first two terms.
    """
    p_data, p_generator = data_and_generator(p_data, p_generator, cell_width)
    jsd = js_divergence(p_data, p_generator, cell_width=cell_width)
    return NonSaturatingTerms(
        kl=kl_divergence(p_generator, p_data, cell_width=cell_width),
        jensen_shannon=-2 * jsd,
        constant=jnp.full_like(jsd, LOG4),
        # E_{p_d}[log p_d/(p_d + p_g)] = KL(p_d‖½(p_d + p_g)) − log 2.
        data=kl_divergence(p_data, (p_data + p_generator) / 2, cell_width=cell_width) - LOG4 / 2,
    )


class Estimate(NamedTuple):
    """An estimate from samples, with its standard error computed from their variance (ddof 1)."""

    value: jax.Array
    standard_error: jax.Array


def estimate_value(real_logits: ArrayLike, fake_logits: ArrayLike) -> Estimate:
    """V̂(D, G) = mean log D(x) + mean log(1 − D(G(z))), from a discriminator's logits on samples.

    Args:
      real_logits: [n], logits of data, n ≥ 2.
      fake_logits: [m], logits of generated examples, m ≥ 2; m may differ from n.

    Raises:
      ValueError: an argument is not a vector, or is shorter than 2.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), equation 1.
    """
    means, variances = [], []
    for name, logits, sign in (("real_logits", real_logits, -1), ("fake_logits", fake_logits, 1)):
        logits = floating(logits)
        if logits.ndim != 1 or logits.size < 2:
            raise ValueError(f"{name} must be a vector of at least 2 logits, got shape {logits.shape}")
        terms = -jax.nn.softplus(sign * logits)
        means.append(terms.mean())
        variances.append(terms.var(ddof=1) / terms.size)
    return Estimate(means[0] + means[1], jnp.sqrt(variances[0] + variances[1]))


def js_lower_bound(real_logits: ArrayLike, fake_logits: ArrayLike) -> Estimate:
    """½(V̂ + log 4), which is at most JSD(p_d‖p_g) in expectation, for any discriminator.

    The bound holds for samples on which the discriminator was not trained, and is tight if D = D*. It is at most log 2
    and may be negative. Arguments and errors are as for `estimate_value`.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), equations 4 and 6: V(D, G) ≤ C(G) = −log 4 + 2·JSD.
    """
    estimate = estimate_value(real_logits, fake_logits)
    return Estimate((estimate.value + LOG4) / 2, estimate.standard_error / 2)
