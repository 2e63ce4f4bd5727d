"""Penalties on the discriminator's gradient, as `make_train_step(penalties=…)` takes them.

A penalty is `(critic, real, fake, key) -> scalar`, added to the discriminator's loss; `critic(examples) -> logits
[batch]` is the discriminator in training. To add one, write a function that returns it and one line of `PENALTIES`.
"""

from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp

from jaxgan.updates import Penalty


def r1(gamma: float = 1.0) -> Penalty:
    """R1 = (γ/2)·E_{p_d}‖∇_x l(x)‖², on data: the gradient should vanish where the data are.

    The norm is over all of an example's dimensions, one gradient per example.

    Args:
      gamma: γ ≥ 0, weight of the penalty, in units of the loss per squared (logit per unit of x).

    Returns:
      A penalty; it reads the real examples only.

    Raises:
      ValueError: γ is negative or not a number.

    Source: Mescheder et al. 2018 (arXiv:1801.04406), section 4.1.
    """
    _check_gamma(gamma)

    def penalty(critic, real, fake, key):
        return gamma / 2 * squared_gradient_norms(critic, real).mean()

    return penalty


def r2(gamma: float = 1.0) -> Penalty:
    """R2 = (γ/2)·E_{p_g}‖∇_x l(x)‖², on generated examples.

    The norm is over all of an example's dimensions, one gradient per example; the generator is held fixed.

    Args:
      gamma: γ ≥ 0, weight of the penalty, in units of the loss per squared (logit per unit of x).

    Returns:
      A penalty; it reads the generated examples only.

    Raises:
      ValueError: γ is negative or not a number.

    Source: Mescheder et al. 2018 (arXiv:1801.04406), section 4.1.
    """
    _check_gamma(gamma)

    def penalty(critic, real, fake, key):
        return gamma / 2 * squared_gradient_norms(critic, fake).mean()

    return penalty


def squared_gradient_norms(critic: Callable[[chex.Array], chex.Array], examples: chex.Array) -> chex.Array:
    """‖∇_x l(x)‖² of every example, over all of its dimensions.

    The gradients of all examples come from one backward pass, of the sum of the logits. That is each example's own
    gradient where the critic judges each by itself; with batch normalisation, or anything else that mixes a batch, it
    is the gradient of the batch's summed logits instead.

    Args:
      critic: `examples [batch, ...] -> logits [batch]`.
      examples: [batch, ...], of floating type.

    Returns:
      [batch], ≥ 0.

    Raises:
      ValueError: the examples are not of floating type, or the critic's output is not one logit per example.
    """
    if not jnp.issubdtype(examples.dtype, jnp.floating):
        raise ValueError(f"no gradient can be taken at examples of type {examples.dtype}; scale them to floats")

    def total(examples):
        logits = critic(examples)
        if logits.shape != examples.shape[:1]:
            raise ValueError(f"the critic must return logits [batch], got {logits.shape} for examples {examples.shape}")
        return logits.sum()

    gradients = jax.grad(total)(examples)
    return jnp.square(gradients).sum(axis=tuple(range(1, gradients.ndim)))


def _check_gamma(gamma: float) -> None:
    try:
        valid = bool(gamma >= 0)
    except jax.errors.ConcretizationTypeError:  # a weight that is traced cannot be looked at
        return
    if not valid:
        raise ValueError(f"gamma must be at least 0, got {gamma}")


PENALTIES: dict[str, Callable[..., Penalty]] = {"r1": r1, "r2": r2}
