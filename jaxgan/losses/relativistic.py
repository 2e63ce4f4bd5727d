"""Relativistic losses: how much more real data look than samples, and not how real each looks by itself.

Only differences of logits matter, so both players' losses read both batches.
"""

import chex
import jax

from jaxgan.losses.base import check_logits


def paired_discriminator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """E softplus(−(l_real − l_fake)), each real example with one generated example.

    Args:
      real_logits: [batch], logits of data.
      fake_logits: [batch], logits of generated examples.

    Returns:
      Scalar ≥ 0 in nats; log 2 where all logits are equal.

    Raises:
      ValueError: if the two are not vectors of one length.

    Source: Jolicoeur-Martineau 2018 (arXiv:1807.00734), the relativistic standard GAN; Huang et al. 2024
    (arXiv:2501.05441), equation 2, which adds R1 and R2.
    """
    check_logits(real_logits, fake_logits)
    return jax.nn.softplus(fake_logits - real_logits).mean()


def paired_generator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """E softplus(−(l_fake − l_real)), the mirror of the discriminator's.

    Args:
      real_logits: [batch], logits of data.
      fake_logits: [batch], logits of generated examples.

    Returns:
      Scalar ≥ 0 in nats; log 2 where all logits are equal.

    Raises:
      ValueError: if the two are not vectors of one length.

    Source: Jolicoeur-Martineau 2018 (arXiv:1807.00734), section 4.1.
    """
    return paired_discriminator(fake_logits, real_logits)


def average_discriminator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """E softplus(−(l_real − mean l_fake)) + E softplus(l_fake − mean l_real): each against the other batch's mean.

    Args:
      real_logits: [batch], logits of data.
      fake_logits: [batch], logits of generated examples.

    Returns:
      Scalar ≥ 0 in nats; 2 log 2 where all logits are equal.

    Raises:
      ValueError: if the two are not vectors of one length.

    Source: Jolicoeur-Martineau 2018 (arXiv:1807.00734), section 4.2, the relativistic average standard GAN.
    """
    check_logits(real_logits, fake_logits)
    real = jax.nn.softplus(fake_logits.mean() - real_logits).mean()
    return real + jax.nn.softplus(fake_logits - real_logits.mean()).mean()


def average_generator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """E softplus(−(l_fake − mean l_real)) + E softplus(l_real − mean l_fake), the mirror of the discriminator's.

    Args:
      real_logits: [batch], logits of data.
      fake_logits: [batch], logits of generated examples.

    Returns:
      Scalar ≥ 0 in nats; 2 log 2 where all logits are equal.

    Raises:
      ValueError: if the two are not vectors of one length.

    Source: Jolicoeur-Martineau 2018 (arXiv:1807.00734), section 4.2.
    """
    return average_discriminator(fake_logits, real_logits)
