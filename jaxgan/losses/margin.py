"""Losses without a probability: squares, hinges and the Wasserstein critic."""

import chex
import jax
import jax.numpy as jnp

from jaxgan.losses.base import check_logits


def least_squares_discriminator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """½ E (l_real − 1)² + ½ E l_fake²: the output itself, and not its sigmoid, tells data (1) from samples (0).

    Args:
      real_logits: [batch], the discriminator's outputs on data; at the optimum p_d/(p_d + p_g), in [0, 1].
      fake_logits: [batch], its outputs on generated examples.

    Returns:
      Scalar ≥ 0; ¼ where all outputs are ½.

    Raises:
      ValueError: if the two are not vectors of one length.

    Source: Mao et al. 2017 (arXiv:1611.04076), equation 2 with a = 0, b = c = 1 (its equation 9).
    """
    check_logits(real_logits, fake_logits)
    return (jnp.square(real_logits - 1).mean() + jnp.square(fake_logits).mean()) / 2


def least_squares_generator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """½ E (l_fake − 1)².

    Args:
      real_logits: [batch], not used.
      fake_logits: [batch], the discriminator's outputs on generated examples.

    Returns:
      Scalar ≥ 0; ⅛ where all outputs are ½.

    Raises:
      ValueError: if the two are not vectors of one length.

    Source: Mao et al. 2017 (arXiv:1611.04076), equation 9.
    """
    check_logits(real_logits, fake_logits)
    return jnp.square(fake_logits - 1).mean() / 2


def hinge_discriminator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """E max(0, 1 − l_real) + E max(0, 1 + l_fake): pushes the logits apart up to a margin of ±1, and no further.

    Args:
      real_logits: [batch], logits of data.
      fake_logits: [batch], logits of generated examples.

    Returns:
      Scalar ≥ 0; 2 where all logits are 0.

    Raises:
      ValueError: if the two are not vectors of one length.

    Source: Lim and Ye 2017 (arXiv:1705.02894); Miyato et al. 2018 (arXiv:1802.05957), equation 16.
    """
    check_logits(real_logits, fake_logits)
    return jax.nn.relu(1 - real_logits).mean() + jax.nn.relu(1 + fake_logits).mean()


def wasserstein_critic(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """E l_fake − E l_real: minus an estimate of the Wasserstein-1 distance if the critic is 1-Lipschitz.

    The loss alone has no minimum: keep the critic bounded, by a gradient penalty or by clipped weights.

    Args:
      real_logits: [batch], the critic's outputs on data, which are not logits of a probability here.
      fake_logits: [batch], its outputs on generated examples.

    Returns:
      Scalar; 0 where all outputs are equal.

    Raises:
      ValueError: if the two are not vectors of one length.

    Source: Arjovsky et al. 2017 (arXiv:1701.07875), equation 2 and Algorithm 1.
    """
    check_logits(real_logits, fake_logits)
    return fake_logits.mean() - real_logits.mean()


def wasserstein_estimate(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """E l_real − E l_fake, the critic's loss without its sign and without penalties: a lower bound of W₁(p_d, p_g), up
    to sampling noise, if the critic is 1-Lipschitz, and of K·W₁ if it is K-Lipschitz.

    Args:
      real_logits: [batch], the critic's outputs on data.
      fake_logits: [batch], its outputs on generated examples.

    Returns:
      Scalar, in the units of the data's distances.

    Raises:
      ValueError: if the two are not vectors of one length.

    Source: Arjovsky et al. 2017 (arXiv:1701.07875), equation 2 and section 3.
    """
    return -wasserstein_critic(real_logits, fake_logits)


def linear_generator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """−E l_fake: the generator's side of the hinge and Wasserstein losses.

    Args:
      real_logits: [batch], not used.
      fake_logits: [batch], logits of generated examples.

    Returns:
      Scalar.

    Raises:
      ValueError: if the two are not vectors of one length.

    Source: Arjovsky et al. 2017 (arXiv:1701.07875), Algorithm 1; Miyato et al. 2018 (arXiv:1802.05957), equation 17.
    """
    check_logits(real_logits, fake_logits)
    return -fake_logits.mean()
