"""Wrappers for a network's condition: labels as one-hot vectors, or no condition."""

import chex
import jax
import jax.numpy as jnp

from jaxgan.types import Network


def one_hot(network: Network, classes: int) -> Network:
    """A network that receives labels, integers from 0 to classes − 1, as one-hot vectors [batch, classes].

    Args:
      network: any network with conditions [batch, classes].
      classes: number of classes, ≥ 1.

    Returns:
      A `Network` with conditions [batch]. Class weights, floats [batch, classes], are passed on, so that samples
      between two classes can be drawn. Without a condition it behaves like `network`.

    Raises:
      ValueError: `classes` is below 1; on use, if the condition is not integers [batch].
    """
    if classes < 1:
        raise ValueError(f"there must be at least 1 class, got {classes}")

    def encode(condition: chex.Array | None) -> chex.Array | None:
        if condition is None:
            return None
        if condition.shape[1:] == (classes,) and jnp.issubdtype(condition.dtype, jnp.floating):
            return condition
        if condition.ndim != 1 or not jnp.issubdtype(condition.dtype, jnp.integer):
            raise ValueError(f"labels are whole numbers [batch], got {condition.dtype} {condition.shape}")
        return jax.nn.one_hot(condition, classes)

    return _with_condition(network, encode)


def unconditional(network: Network) -> Network:
    """A network that ignores the condition, such as AC-GAN's discriminator.

    Source: Odena et al. 2017 (arXiv:1610.09585), section 3.
    """
    return _with_condition(network, lambda condition: None)


def _with_condition(network: Network, encode) -> Network:
    def init(key, inputs, condition=None):
        return network.init(key, inputs, condition=encode(condition))

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        return network.apply(variables, inputs, condition=encode(condition), key=key, train=train)

    return network._replace(init=init, apply=apply)
