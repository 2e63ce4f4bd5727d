"""One-sided label smoothing."""

import chex
import jax
import jax.numpy as jnp

from jaxgan.losses.base import check_logits
from jaxgan.losses.cross_entropy import binary_cross_entropy
from jaxgan.losses.margin import least_squares_discriminator
from jaxgan.types import Loss


def smooth_real_labels(loss: Loss, alpha: float) -> Loss:
    """The loss with α for the label 1 of data; generated examples keep 0, and the generator's loss stays as it is.

    Of the cross-entropy: α·E softplus(−l_real) + (1 − α)·E softplus(l_real) + E softplus(l_fake), with the optimum
    D* = α p_d/(p_d + p_g), α/2 at equilibrium. Of least squares: ½ E (l_real − α)² + ½ E l_fake².

    Args:
      loss: one whose discriminator's half is the cross-entropy (minimax, non_saturating, maximum_likelihood) or
        least_squares.
      alpha: α in (0, 1]; 1 changes nothing, .9 is usual.

    Returns:
      A `Loss`.

    Raises:
      ValueError: α lies elsewhere, or the loss has no labels.

    Source: Salimans et al. 2016 (arXiv:1606.03498), section 3.4.
    """
    try:
        inside = bool(0 < alpha <= 1)
    except jax.errors.ConcretizationTypeError:  # a number that is traced cannot be looked at
        inside = True
    if not inside:
        raise ValueError(f"alpha must lie in (0, 1], got {alpha}")

    def cross_entropy(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
        check_logits(real_logits, fake_logits)
        real = alpha * jax.nn.softplus(-real_logits) + (1 - alpha) * jax.nn.softplus(real_logits)
        return real.mean() + jax.nn.softplus(fake_logits).mean()

    def least_squares(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
        check_logits(real_logits, fake_logits)
        return (jnp.square(real_logits - alpha).mean() + jnp.square(fake_logits).mean()) / 2

    smoothed = {binary_cross_entropy: cross_entropy, least_squares_discriminator: least_squares}
    if loss.discriminator not in smoothed:
        raise ValueError("only a loss with labels can be smoothed: one of the cross-entropies, or least_squares")
    return Loss(smoothed[loss.discriminator], loss.generator)
