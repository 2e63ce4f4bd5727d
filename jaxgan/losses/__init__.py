"""Pure losses on logits: what each player minimises.

A discriminator's logit l(x) gives D(x) = sigmoid(l(x)). Every loss is a mean over the batch, without the factor ½
that some code puts on the cross-entropies, and none takes the logarithm of a probability, so all stay finite and
keep useful gradients at logits of ±1e4. To add a loss, write its two functions and one line of `LOSSES`.
"""

from collections.abc import Callable

import chex

from jaxgan.losses import f_gan, relativistic
from jaxgan.losses.base import bounded_exp, check_logits
from jaxgan.losses.cross_entropy import (
    binary_cross_entropy,
    maximum_likelihood_generator,
    minimax_generator,
    non_saturating_generator,
)
from jaxgan.losses.margin import (
    hinge_discriminator,
    least_squares_discriminator,
    least_squares_generator,
    linear_generator,
    wasserstein_critic,
    wasserstein_estimate,
)
from jaxgan.losses.smoothing import smooth_real_labels
from jaxgan.types import Loss

LOSSES: dict[str, Loss] = {
    "minimax": Loss(binary_cross_entropy, minimax_generator),
    "non_saturating": Loss(binary_cross_entropy, non_saturating_generator),
    "maximum_likelihood": Loss(binary_cross_entropy, maximum_likelihood_generator),
    "least_squares": Loss(least_squares_discriminator, least_squares_generator),
    "hinge": Loss(hinge_discriminator, linear_generator),
    "wasserstein": Loss(wasserstein_critic, linear_generator),
    "relativistic_paired": Loss(relativistic.paired_discriminator, relativistic.paired_generator),
    "relativistic_average": Loss(relativistic.average_discriminator, relativistic.average_generator),
    "f_kl": f_gan.f_gan(f_gan.KL),
    "f_reverse_kl": f_gan.f_gan(f_gan.REVERSE_KL),
    "f_pearson": f_gan.f_gan(f_gan.PEARSON),
    "f_squared_hellinger": f_gan.f_gan(f_gan.SQUARED_HELLINGER),
    "f_jensen_shannon": f_gan.f_gan(f_gan.JENSEN_SHANNON),
}

ESTIMATES: dict[Callable[..., chex.Array], dict[str, Callable[..., chex.Array]]] = {
    wasserstein_critic: {"d_wasserstein": wasserstein_estimate},
}
"""Further metrics of a discriminator's updates, by its half of the loss: functions of the same logits."""

__all__ = [
    "ESTIMATES",
    "LOSSES",
    "Loss",
    "binary_cross_entropy",
    "bounded_exp",
    "check_logits",
    "hinge_discriminator",
    "least_squares_discriminator",
    "least_squares_generator",
    "linear_generator",
    "maximum_likelihood_generator",
    "minimax_generator",
    "non_saturating_generator",
    "smooth_real_labels",
    "wasserstein_critic",
    "wasserstein_estimate",
]
