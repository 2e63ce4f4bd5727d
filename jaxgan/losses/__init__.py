"""Pure losses on logits, penalties on the discriminator, and loss terms that read more than logits.

`adversarial` has the losses, `transforms` functions from loss to loss, `penalties` and `terms` the additions.
"""

from jaxgan.losses.adversarial import LOSSES as LOSSES
from jaxgan.losses.adversarial import binary_cross_entropy as binary_cross_entropy
from jaxgan.losses.adversarial import bounded_exp as bounded_exp
from jaxgan.losses.adversarial import check_logits as check_logits
from jaxgan.losses.adversarial import hinge_discriminator as hinge_discriminator
from jaxgan.losses.adversarial import least_squares_discriminator as least_squares_discriminator
from jaxgan.losses.adversarial import least_squares_generator as least_squares_generator
from jaxgan.losses.adversarial import linear_generator as linear_generator
from jaxgan.losses.adversarial import maximum_likelihood_generator as maximum_likelihood_generator
from jaxgan.losses.adversarial import minimax_generator as minimax_generator
from jaxgan.losses.adversarial import named_loss as named_loss
from jaxgan.losses.adversarial import non_saturating_generator as non_saturating_generator
from jaxgan.losses.adversarial import wasserstein_critic as wasserstein_critic
from jaxgan.losses.adversarial import wasserstein_estimate as wasserstein_estimate
from jaxgan.losses.transforms import both_sides as both_sides
from jaxgan.losses.transforms import smooth_real_labels as smooth_real_labels
from jaxgan.losses.transforms import weigh_discriminator as weigh_discriminator
from jaxgan.losses.transforms import weigh_generator as weigh_generator
from jaxgan.types import Loss as Loss
