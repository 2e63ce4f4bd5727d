"""What samples tell of the game: its value and a bound on the divergence, from a discriminator's logits."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxgan.theory.distributions import floating
from jaxgan.theory.game import LOG4


class Estimate(NamedTuple):
    """A number estimated from samples.

    Attributes:
      value: the estimate.
      standard_error: its standard error, from the variance of the samples (ddof 1).
    """

    value: jax.Array
    standard_error: jax.Array


def estimate_value(real_logits: ArrayLike, fake_logits: ArrayLike) -> Estimate:
    """V̂(D, G) = mean log D(x) + mean log(1 − D(G(z))), from a discriminator's logits on samples.

    Args:
      real_logits: [n], logits of data, n ≥ 2.
      fake_logits: [m], logits of generated examples, m ≥ 2; m need not be n.

    Returns:
      The value in nats, with its standard error.

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

    The bound holds for samples the discriminator was not trained on, and is tight where D = D*; it may be negative.

    Args:
      real_logits: [n], logits of data, n ≥ 2.
      fake_logits: [m], logits of generated examples, m ≥ 2.

    Returns:
      The bound in nats, at most log 2, with its standard error.

    Raises:
      ValueError: an argument is not a vector, or is shorter than 2.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), equations 4 and 6: V(D, G) ≤ C(G) = −log 4 + 2·JSD.
    """
    estimate = estimate_value(real_logits, fake_logits)
    return Estimate((estimate.value + LOG4) / 2, estimate.standard_error / 2)
