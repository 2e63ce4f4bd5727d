"""Functions from one `Loss` to another. Each keeps the properties that stay true; they can be applied in any order."""

import chex
import jax
import jax.numpy as jnp

from jaxgan.losses.penalties import check_weight
from jaxgan.types import Half, Loss


def smooth_real_labels(loss: Loss, alpha: chex.Numeric) -> Loss:
    """The loss with the label α instead of 1 for data. Generated examples keep 0; the generator's half is unchanged.

    For a cross-entropy: α·E softplus(−l_real) + (1 − α)·E softplus(l_real) + E softplus(l_fake), with the optimum
    D* = α p_d/(p_d + p_g), which is α/2 at equilibrium. For least squares: ½ E (l_real − α)² + ½ E l_fake².

    Args:
      loss: a loss with labels: a cross-entropy (minimax, non_saturating, maximum_likelihood) or least_squares.
      alpha: α in (0, 1]; 1 changes nothing, .9 is usual.

    Returns:
      A `Loss` without `log_ratio`, since log p_d/p_g = log D − log(α − D) exists only for D < α. The threshold of least
      squares is α/2. For cross-entropies it stays D = ½, or is None for α ≤ ½, where the optimal D never exceeds it.

    Raises:
      ValueError: α is outside (0, 1], or the loss has no labels.

    Source: Salimans et al. 2016 (arXiv:1606.03498), section 3.4.
    """
    try:
        inside = bool(0 < alpha <= 1)
    except jax.errors.ConcretizationTypeError:  # a traced value cannot be checked
        inside = True
    if not inside:
        raise ValueError(f"alpha must lie in (0, 1], got {alpha}")
    if loss.smoothed is None:
        raise ValueError("only a loss with labels can be smoothed: one of the cross-entropies, or least_squares")
    if isinstance(alpha, int | float) and alpha == 1:
        return loss
    threshold = loss.threshold and alpha * loss.threshold  # 0, which means D = ½, stays 0
    if loss.cross_entropy and isinstance(alpha, int | float) and alpha <= 0.5:
        threshold = None
    return _with_discriminator(
        loss,
        loss.smoothed(alpha),
        threshold=threshold,
        log_ratio=None,
        smoothed=None,
        cross_entropy=False,
    )


def weigh_generator(loss: Loss, weight: chex.Numeric) -> Loss:
    """The loss with its generator's half multiplied by a weight. Terms are added unweighted.

    Args:
      loss: any loss.
      weight: ≥ 0; 0 removes the half, so that terms replace it.

    Raises:
      ValueError: the weight is negative or not a number.
    """
    check_weight(weight)
    of_pairs = loss.pair_generator
    return loss._replace(
        generator=_weighed(loss.generator, weight),
        pair_generator=of_pairs and (lambda discriminator: _weighed(of_pairs(discriminator), weight)),
    )


def weigh_discriminator(loss: Loss, weight: chex.Numeric) -> Loss:
    """`weigh_generator` for the discriminator's half. Terms and penalties are added unweighted."""
    check_weight(weight)
    smoothed = loss.smoothed
    return _with_discriminator(
        loss,
        _weighed(loss.discriminator, weight),
        smoothed=smoothed and (lambda alpha: _weighed(smoothed(alpha), weight)),
    )


def both_sides(loss: Loss) -> Loss:
    """The loss for a generator that makes both the real and the fake side: it swaps the discriminator's labels.

    For the cross-entropy, the generator's half is −E log(1 − D(x, E(x))) − E log D(G(z), z). For minimax, it is the
    value V itself.

    Args:
      loss: a loss with `pair_generator`; maximum_likelihood and f-divergences have none.

    Raises:
      ValueError: the loss has no half for such a generator.

    Source: Donahue et al. 2017 (arXiv:1605.09782), section 3, and its "inverse" objective.
    """
    if loss.pair_generator is None:
        raise ValueError("this loss has no half for a generator of both sides; use non_saturating, for example")
    return loss._replace(generator=loss.pair_generator(loss.discriminator))


def _with_discriminator(loss: Loss, discriminator: Half, **facts) -> Loss:
    """Replaces the discriminator's half. The generator's half for pairs still uses the old one."""
    if loss.pair_generator is not None:
        before = loss.pair_generator(loss.discriminator)
        facts["pair_generator"] = lambda _: before
    return loss._replace(discriminator=discriminator, **facts)


def _weighed(half: Half, weight: chex.Numeric) -> Half:
    if isinstance(weight, int | float) and weight == 0:  # infinity times 0 would be NaN
        return lambda real_logits, fake_logits: jnp.zeros_like(fake_logits, shape=())
    return lambda real_logits, fake_logits: weight * half(real_logits, fake_logits)
