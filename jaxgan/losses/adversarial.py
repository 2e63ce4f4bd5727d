"""Adversarial losses on logits: what each player minimises.

Every loss is a function of `real_logits` and `fake_logits`, the discriminator's outputs [batch] for data and for
generated examples, and a mean over the batch. A generator's half ignores `real_logits` unless it is relativistic. A
logit l(x) gives D(x) = sigmoid(l(x)). No loss has the factor ½ that some code puts on the cross-entropies. None takes
the logarithm of a probability, so all stay finite and keep useful gradients at logits of ±1e4. All raise ValueError
unless both arguments are vectors of the same length. To add a loss, write its two functions and add a line to
`LOSSES`: a `Loss`, or a function from its parameters to a `Loss`.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

from jaxgan.tables import Table
from jaxgan.types import Half, Loss, Metrics

LIMIT = 20.0
"""Exponentials continue as straight lines above this exponent: e²⁰ is 4.9e8."""


def check_logits(real_logits: chex.Array, fake_logits: chex.Array) -> None:
    """Raises ValueError unless both are vectors of the same length.

    Otherwise [n, 1] against [n] would broadcast to [n, n] and silently train on the wrong pairs.
    """
    real_shape, fake_shape = jnp.shape(real_logits), jnp.shape(fake_logits)
    if len(real_shape) != 1 or real_shape != fake_shape:
        raise ValueError(
            f"real_logits and fake_logits must both be vectors [batch] of one length, got {real_shape} and "
            f"{fake_shape}; have the discriminator return one logit per example, with no trailing axis"
        )


def bounded_exp(x: chex.Array) -> chex.Array:
    """eˣ up to x = `LIMIT`, then its tangent at that point: convex, and finite for |x| up to 1e4 and beyond."""
    return jnp.exp(jnp.minimum(x, LIMIT)) * (1 + jnp.maximum(x - LIMIT, 0))


def binary_cross_entropy(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """−E log D(x) − E log(1 − D(G(z))) = E softplus(−l_real) + E softplus(l_fake), the discriminator's loss.

    Returns:
      Scalar ≥ 0 in nats; 2 log 2 if D = ½ everywhere.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), equation 1 and Algorithm 1.
    """
    check_logits(real_logits, fake_logits)
    return jax.nn.softplus(-real_logits).mean() + jax.nn.softplus(fake_logits).mean()


def smoothed_cross_entropy(alpha: chex.Numeric) -> Half:
    """α·E softplus(−l_real) + (1 − α)·E softplus(l_real) + E softplus(l_fake); see `smooth_real_labels`."""

    def discriminator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
        check_logits(real_logits, fake_logits)
        real = alpha * jax.nn.softplus(-real_logits) + (1 - alpha) * jax.nn.softplus(real_logits)
        return real.mean() + jax.nn.softplus(fake_logits).mean()

    return discriminator


def minimax_generator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """E log(1 − D(G(z))) = −E softplus(l_fake). Its gradient vanishes if the discriminator wins.

    Returns:
      Scalar ≤ 0 in nats.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), equation 1 and Algorithm 1.
    """
    check_logits(real_logits, fake_logits)
    return -jax.nn.softplus(fake_logits).mean()


def non_saturating_generator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """−E log D(G(z)) = E softplus(−l_fake). It has the same fixed point as minimax, but does not saturate.

    Returns:
      Scalar ≥ 0 in nats.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), section 3.
    """
    check_logits(real_logits, fake_logits)
    return jax.nn.softplus(-fake_logits).mean()


def maximum_likelihood_generator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """−E exp(l_fake). With the optimal discriminator its gradient is that of KL(p_d‖p_g), as in maximum likelihood.

    Its variance is large, since a few realistic examples have almost all of the weight. Above l = 20 the exponential
    continues as a straight line. The source has an additional factor ½.

    Returns:
      Scalar ≤ 0.

    Source: Goodfellow 2014 (arXiv:1412.6515), section 4.
    """
    check_logits(real_logits, fake_logits)
    return -bounded_exp(fake_logits).mean()


def least_squares_discriminator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """½ E (l_real − 1)² + ½ E l_fake²: the target of the output itself (not its sigmoid) is 1 for data, 0 for samples.

    Returns:
      Scalar ≥ 0; ¼ if all outputs are ½.

    Source: Mao et al. 2017 (arXiv:1611.04076), equation 2 with a = 0, b = c = 1 (its equation 9).
    """
    check_logits(real_logits, fake_logits)
    return (jnp.square(real_logits - 1).mean() + jnp.square(fake_logits).mean()) / 2


def smoothed_least_squares(alpha: chex.Numeric) -> Half:
    """½ E (l_real − α)² + ½ E l_fake²; see `smooth_real_labels`."""

    def discriminator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
        check_logits(real_logits, fake_logits)
        return (jnp.square(real_logits - alpha).mean() + jnp.square(fake_logits).mean()) / 2

    return discriminator


def least_squares_generator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """½ E (l_fake − 1)².

    Returns:
      Scalar ≥ 0; ⅛ if all outputs are ½.

    Source: Mao et al. 2017 (arXiv:1611.04076), equation 9.
    """
    check_logits(real_logits, fake_logits)
    return jnp.square(fake_logits - 1).mean() / 2


def hinge_discriminator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """E max(0, 1 − l_real) + E max(0, 1 + l_fake): separates the logits up to a margin of ±1.

    Returns:
      Scalar ≥ 0; 2 if all logits are 0.

    Source: Lim and Ye 2017 (arXiv:1705.02894); Miyato et al. 2018 (arXiv:1802.05957), equation 16.
    """
    check_logits(real_logits, fake_logits)
    return jax.nn.relu(1 - real_logits).mean() + jax.nn.relu(1 + fake_logits).mean()


def wasserstein_critic(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """E l_fake − E l_real: minus an estimate of the Wasserstein-1 distance, if the critic is 1-Lipschitz.

    The loss is unbounded below, so constrain the critic by a gradient penalty or by clipped weights.

    Returns:
      Scalar; 0 if all outputs are equal.

    Source: Arjovsky et al. 2017 (arXiv:1701.07875), equation 2 and Algorithm 1.
    """
    check_logits(real_logits, fake_logits)
    return fake_logits.mean() - real_logits.mean()


def wasserstein_estimate(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """E l_real − E l_fake, minus the critic's loss without penalties: an estimate of the distance W₁(p_d, p_g).

    Up to sampling noise, it is a lower bound on W₁ if the critic is 1-Lipschitz, and on K·W₁ if it is K-Lipschitz.

    Returns:
      Scalar, in the unit of the data's distances.

    Source: Arjovsky et al. 2017 (arXiv:1701.07875), equation 2 and section 3.
    """
    return -wasserstein_critic(real_logits, fake_logits)


def linear_generator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """−E l_fake: the generator's half of the hinge and Wasserstein losses.

    Returns:
      Scalar.

    Source: Arjovsky et al. 2017 (arXiv:1701.07875), Algorithm 1; Miyato et al. 2018 (arXiv:1802.05957), equation 17.
    """
    check_logits(real_logits, fake_logits)
    return -fake_logits.mean()


def paired_discriminator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """E softplus(−(l_real − l_fake)) over pairs of a real and a generated example. Only differences of logits matter.

    Returns:
      Scalar ≥ 0 in nats; log 2 if all logits are equal.

    Source: Jolicoeur-Martineau 2018 (arXiv:1807.00734), the relativistic standard GAN; Huang et al. 2024
    (arXiv:2501.05441), equation 2, which adds R1 and R2.
    """
    check_logits(real_logits, fake_logits)
    return jax.nn.softplus(fake_logits - real_logits).mean()


def paired_generator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """E softplus(−(l_fake − l_real)), the discriminator's loss mirrored; ≥ 0 in nats, log 2 if all logits are equal.

    Source: Jolicoeur-Martineau 2018 (arXiv:1807.00734), section 4.1.
    """
    return paired_discriminator(fake_logits, real_logits)


def average_discriminator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """E softplus(−(l_real − mean l_fake)) + E softplus(l_fake − mean l_real): each against the other batch's mean.

    Returns:
      Scalar ≥ 0 in nats; 2 log 2 if all logits are equal.

    Source: Jolicoeur-Martineau 2018 (arXiv:1807.00734), section 4.2, the relativistic average standard GAN.
    """
    check_logits(real_logits, fake_logits)
    real = jax.nn.softplus(fake_logits.mean() - real_logits).mean()
    return real + jax.nn.softplus(fake_logits - real_logits.mean()).mean()


def average_generator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
    """E softplus(−(l_fake − mean l_real)) + E softplus(l_real − mean l_fake), the discriminator's loss mirrored.

    Scalar ≥ 0 in nats; 2 log 2 at equal logits. Source: Jolicoeur-Martineau 2018 (arXiv:1807.00734), section 4.2.
    """
    return average_discriminator(fake_logits, real_logits)


class Divergence(NamedTuple):
    """One f-divergence, in the form that a GAN needs.

    Attributes:
      output: v -> g(v) = T.
      conjugate: v -> f*(g(v)), simplified to avoid differences of large numbers.
      log_ratio: v* -> log(p_d/p_g), or None.
      threshold: v* at p_d = p_g.
    """

    output: Callable[[chex.Array], chex.Array]
    conjugate: Callable[[chex.Array], chex.Array]
    log_ratio: Callable[[chex.Array], chex.Array] | None = None
    threshold: float = 0.0


def f_gan(divergence: Divergence) -> Loss:
    """The two players' losses of an f-divergence D_f(p_d‖p_g) = E_{p_g} f(p_d/p_g).

    The arguments are the discriminator's outputs v. T = g(v) maps them to the domain of the conjugate f*. The
    discriminator's loss −E_{p_d} T + E_{p_g} f*(T) is the negative of a lower bound on the divergence; the generator's
    loss is −E_{p_g} f*(T). At the optimum T = f′(p_d/p_g), and the generator's gradient is that of D_f.

    Source: Nowozin et al. 2016 (arXiv:1606.00709), equations 5 and 6, tables 1, 2 and 6.
    """

    def discriminator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
        check_logits(real_logits, fake_logits)
        return divergence.conjugate(fake_logits).mean() - divergence.output(real_logits).mean()

    def generator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
        check_logits(real_logits, fake_logits)
        return -divergence.conjugate(fake_logits).mean()

    return Loss(
        discriminator, generator, divergence.log_ratio, divergence.threshold, pair_generator=None, compares=False
    )


LOG2 = math.log(2)

# f(u) = u log u: T = v and f*(T) = exp(T − 1); v* = 1 + log(p_d/p_g).
KL = Divergence(lambda v: v, lambda v: bounded_exp(v - 1), lambda v: v - 1, threshold=1.0)
# f(u) = −log u: T = −exp(−v) and f*(T) = −1 − log(−T) = v − 1; v* = log(p_d/p_g).
REVERSE_KL = Divergence(lambda v: -bounded_exp(-v), lambda v: v - 1, lambda v: v)
# f(u) = (u − 1)²: T = v and f*(T) = T²/4 + T; v* = 2(p_d/p_g − 1), which is never below −2.
PEARSON = Divergence(lambda v: v, lambda v: jnp.square(v) / 4 + v)
# f(u) = (√u − 1)²: T = 1 − exp(−v) and f*(T) = T/(1 − T) = exp(v) − 1; v* = ½ log(p_d/p_g).
SQUARED_HELLINGER = Divergence(lambda v: 1 - bounded_exp(-v), lambda v: bounded_exp(v) - 1, lambda v: 2 * v)
# f(u) = u log u − (u + 1) log((u + 1)/2): T = log 2 − softplus(−v) and f*(T) = −log(2 − exp T) = softplus(v) − log 2;
# v* = log(p_d/p_g), and the divergence is twice the Jensen-Shannon divergence.
JENSEN_SHANNON = Divergence(lambda v: LOG2 - jax.nn.softplus(-v), lambda v: jax.nn.softplus(v) - LOG2, lambda v: v)


def _cross_entropy_loss(generator: Half, **facts) -> Loss:
    """A loss with the paper's discriminator, whose optimal logit is log p_d/p_g."""
    facts |= {"smoothed": smoothed_cross_entropy, "cross_entropy": True, "compares": False}
    return Loss(binary_cross_entropy, generator, lambda v: v, **facts)


def _critic_metrics(real_logits: chex.Array, fake_logits: chex.Array) -> Metrics:
    return {"d_wasserstein": wasserstein_estimate(real_logits, fake_logits)}


LOSSES: dict[str, Loss | Any] = Table("loss") | {  # or a function from parameters to a Loss
    # With a generator that makes both sides, minimax is the zero-sum game of V itself.
    "minimax": _cross_entropy_loss(minimax_generator, pair_generator=lambda half: lambda *logits: -half(*logits)),
    "non_saturating": _cross_entropy_loss(non_saturating_generator),
    "maximum_likelihood": _cross_entropy_loss(maximum_likelihood_generator, pair_generator=None),
    "least_squares": Loss(
        least_squares_discriminator,
        least_squares_generator,
        threshold=0.5,
        smoothed=smoothed_least_squares,
        compares=False,
    ),
    "hinge": Loss(hinge_discriminator, linear_generator, compares=False),
    "wasserstein": Loss(wasserstein_critic, linear_generator, threshold=None, metrics=_critic_metrics, compares=False),
    # Only differences of logits matter.
    "relativistic_paired": Loss(paired_discriminator, paired_generator, threshold=None, compares=False),
    "relativistic_average": Loss(average_discriminator, average_generator, threshold=None),
    "f_kl": f_gan(KL),
    "f_reverse_kl": f_gan(REVERSE_KL),
    "f_pearson": f_gan(PEARSON),
    "f_squared_hellinger": f_gan(SQUARED_HELLINGER),
    "f_jensen_shannon": f_gan(JENSEN_SHANNON),
}


def named_loss(name: str, **options: Any) -> Loss:
    """The loss of this name in `LOSSES`; an entry that is a function gets the options. ValueError for unknown names."""
    entry = LOSSES[name]
    return entry if isinstance(entry, Loss) else entry(**options)
