"""The paper's losses: cross-entropies of D(x) = sigmoid(l(x)), and three objectives for the generator."""

import chex
import jax

from jaxgan.losses.base import bounded_exp, check_logits


def binary_cross_entropy(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """−E log D(x) − E log(1 − D(G(z))) = E softplus(−l_real) + E softplus(l_fake), the discriminator's loss.

    Args:
      real_logits: [batch], logits of data.
      fake_logits: [batch], logits of generated examples.

    Returns:
      Scalar ≥ 0 in nats; 2 log 2 where D = ½ everywhere.

    Raises:
      ValueError: if the two are not vectors of one length.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), equation 1 and Algorithm 1.
    """
    check_logits(real_logits, fake_logits)
    return jax.nn.softplus(-real_logits).mean() + jax.nn.softplus(fake_logits).mean()


def minimax_generator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """E log(1 − D(G(z))) = −E softplus(l_fake); its gradient vanishes where the discriminator wins.

    Args:
      real_logits: [batch], not used.
      fake_logits: [batch], logits of generated examples.

    Returns:
      Scalar ≤ 0 in nats.

    Raises:
      ValueError: if the two are not vectors of one length.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), equation 1 and Algorithm 1.
    """
    check_logits(real_logits, fake_logits)
    return -jax.nn.softplus(fake_logits).mean()


def non_saturating_generator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """−E log D(G(z)) = E softplus(−l_fake); the same fixed point as minimax, with a gradient from the start.

    Args:
      real_logits: [batch], not used.
      fake_logits: [batch], logits of generated examples.

    Returns:
      Scalar ≥ 0 in nats.

    Raises:
      ValueError: if the two are not vectors of one length.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), section 3.
    """
    check_logits(real_logits, fake_logits)
    return jax.nn.softplus(-fake_logits).mean()


def maximum_likelihood_generator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """−E exp(l_fake): at the optimal discriminator its gradient is that of KL(p_d‖p_g), as of maximum likelihood.

    Its variance is large: a few examples that the discriminator takes for real have all the weight. The exponential
    goes on as a straight line above l = 20. (The source has a factor ½ before it.)

    Args:
      real_logits: [batch], not used.
      fake_logits: [batch], logits of generated examples.

    Returns:
      Scalar ≤ 0.

    Raises:
      ValueError: if the two are not vectors of one length.

    Source: Goodfellow 2014 (arXiv:1412.6515), section 4.
    """
    check_logits(real_logits, fake_logits)
    return -bounded_exp(fake_logits).mean()
