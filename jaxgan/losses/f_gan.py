"""f-GANs: the generator descends an f-divergence D_f(p_d‖p_g) = E_{p_g} f(p_d/p_g), of which D estimates a bound.

The discriminator's output v becomes T = g(v), in the domain of the conjugate f*; its loss −E_{p_d} T + E_{p_g} f*(T)
is minus a lower bound of the divergence, and the generator's is −E_{p_g} f*(T). At the optimum T = f′(p_d/p_g), and
the generator's gradient is that of D_f. Exponentials go on as straight lines above an exponent of 20.

Source: Nowozin et al. 2016 (arXiv:1606.00709), equations 5 and 6, tables 1, 2 and 6.
"""

from collections.abc import Callable
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from jaxgan.losses.base import bounded_exp, check_logits
from jaxgan.types import Loss

LOG2 = 0.6931471805599453


class Divergence(NamedTuple):
    """One f-divergence as its GAN needs it.

    Attributes:
      output: v -> g(v) = T.
      conjugate: v -> f*(g(v)), simplified, so that no difference of large numbers is taken.
    """

    output: Callable[[chex.Array], chex.Array]
    conjugate: Callable[[chex.Array], chex.Array]


def f_gan(divergence: Divergence) -> Loss:
    """The two players' losses of an f-divergence.

    Args:
      divergence: its output activation and conjugate.

    Returns:
      A `Loss` whose arguments are the discriminator's outputs v, [batch] each.
    """

    def discriminator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
        check_logits(real_logits, fake_logits)
        return divergence.conjugate(fake_logits).mean() - divergence.output(real_logits).mean()

    def generator(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
        check_logits(real_logits, fake_logits)
        return -divergence.conjugate(fake_logits).mean()

    return Loss(discriminator, generator)


# f(u) = u log u: T = v and f*(T) = exp(T − 1); v* = 1 + log(p_d/p_g).
KL = Divergence(lambda v: v, lambda v: bounded_exp(v - 1))
# f(u) = −log u: T = −exp(−v) and f*(T) = −1 − log(−T) = v − 1; v* = log(p_d/p_g).
REVERSE_KL = Divergence(lambda v: -bounded_exp(-v), lambda v: v - 1)
# f(u) = (u − 1)²: T = v and f*(T) = T²/4 + T; v* = 2(p_d/p_g − 1).
PEARSON = Divergence(lambda v: v, lambda v: jnp.square(v) / 4 + v)
# f(u) = (√u − 1)²: T = 1 − exp(−v) and f*(T) = T/(1 − T) = exp(v) − 1; v* = ½ log(p_d/p_g).
SQUARED_HELLINGER = Divergence(lambda v: 1 - bounded_exp(-v), lambda v: bounded_exp(v) - 1)
# f(u) = u log u − (u + 1) log((u + 1)/2): T = log 2 − softplus(−v) and f*(T) = −log(2 − exp T) = softplus(v) − log 2;
# v* = log(p_d/p_g), and the divergence is 2 JSD.
JENSEN_SHANNON = Divergence(lambda v: LOG2 - jax.nn.softplus(-v), lambda v: jax.nn.softplus(v) - LOG2)
