"""What a network sees of its condition: labels as one-hot vectors, or nothing."""

import chex
import jax
import jax.numpy as jnp

from jaxgan.types import Network


def one_hot(network: Network, classes: int) -> Network:
    """The network of labels, whole numbers in 0, …, classes − 1, which it sees as one-hot vectors [batch, classes].

    Args:
      network: any, of conditions [batch, classes].
      classes: how many there are, ≥ 1.

    Returns:
      A `Network` of conditions [batch]; without a condition, it is the network itself.

    Raises:
      ValueError: there is no class; on use, the condition is not of whole numbers [batch].
    """
    if classes < 1:
        raise ValueError(f"there must be at least 1 class, got {classes}")

    def encode(condition: chex.Array | None) -> chex.Array | None:
        if condition is None:
            return None
        if condition.ndim != 1 or not jnp.issubdtype(condition.dtype, jnp.integer):
            raise ValueError(f"labels are whole numbers [batch], got {condition.dtype} {condition.shape}")
        return jax.nn.one_hot(condition, classes)

    return _seeing(network, encode)


def unconditional(network: Network) -> Network:
    """The network without the condition, in a game that has one: AC-GAN's discriminator.

    Source: Odena et al. 2017 (arXiv:1610.09585), section 3.
    """
    return _seeing(network, lambda condition: None)


def _seeing(network: Network, encode) -> Network:
    def init(key, inputs, condition=None):
        return network.init(key, inputs, condition=encode(condition))

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        return network.apply(variables, inputs, condition=encode(condition), key=key, train=train)

    return network._replace(init=init, apply=apply)
