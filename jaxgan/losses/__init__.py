"""Pure losses on logits, penalties on the discriminator, and terms that read more than logits.

`adversarial` has the losses, `transforms` what makes one loss of another, `penalties` and `terms` what is added.
"""

from jaxgan.losses.adversarial import (
    LOSSES,
    binary_cross_entropy,
    bounded_exp,
    check_logits,
    hinge_discriminator,
    least_squares_discriminator,
    least_squares_generator,
    linear_generator,
    maximum_likelihood_generator,
    minimax_generator,
    non_saturating_generator,
    wasserstein_critic,
    wasserstein_estimate,
)
from jaxgan.losses.transforms import both_sides, smooth_real_labels, weigh_discriminator, weigh_generator
from jaxgan.types import Loss

__all__ = [
    "LOSSES",
    "Loss",
    "binary_cross_entropy",
    "both_sides",
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
    "weigh_discriminator",
    "weigh_generator",
]
