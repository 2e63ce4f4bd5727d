"""Pure losses on logits: what each player minimises.

A discriminator's logit l(x) gives D(x) = sigmoid(l(x)). Every loss is a mean over the batch, without the factor ½
that some code puts on the cross-entropies, and none takes the logarithm of a probability, so all stay finite and
keep useful gradients at logits of ±1e4. To add a loss, write its two functions and one line of `LOSSES`.
"""

from collections.abc import Callable
from typing import NamedTuple

import chex
import jax


class Loss(NamedTuple):
    """The two players' objectives, both minimised.

    Attributes:
      discriminator: `(real_logits [batch], fake_logits [batch]) -> scalar`.
      generator: `(real_logits [batch], fake_logits [batch]) -> scalar`; only relativistic losses read real_logits.
    """

    discriminator: Callable[[chex.Array, chex.Array], chex.Array]
    generator: Callable[[chex.Array, chex.Array], chex.Array]


def check_logits(real_logits: chex.Array, fake_logits: chex.Array) -> None:
    """Raises ValueError, naming both shapes, unless both are vectors of one length: [n, 1] against [n] would broadcast
    to [n, n] and train on the wrong pairs without a word."""
    real_shape, fake_shape = jax.numpy.shape(real_logits), jax.numpy.shape(fake_logits)
    if len(real_shape) != 1 or real_shape != fake_shape:
        raise ValueError(
            f"real_logits and fake_logits must both be vectors [batch] of one length, got {real_shape} and "
            f"{fake_shape}; have the discriminator return one logit per example, with no trailing axis"
        )


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


LOSSES: dict[str, Loss] = {
    "minimax": Loss(binary_cross_entropy, minimax_generator),
    "non_saturating": Loss(binary_cross_entropy, non_saturating_generator),
    "hinge": Loss(hinge_discriminator, linear_generator),
    "wasserstein": Loss(wasserstein_critic, linear_generator),
}
