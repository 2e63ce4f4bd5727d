"""How a network reads a condition: as features behind its inputs, as scales and biases, or as a projection."""

from typing import Any

import chex
import jax
import jax.numpy as jnp
from flax import linen

from jaxgan.networks.layers import Dense

CONDITIONINGS = ("concatenation", "normalization", "projection")
"""concatenation: the condition's features are appended to the inputs, or become further channels of an image.
normalization (generators): scales 1 + Γc and biases Bc after every normalisation (arXiv:1707.00683).
projection (discriminators): (Vc)ᵀφ(x) is added to the logit, φ(x) the last layer's inputs (arXiv:1802.05637)."""


def check_conditioning(network: str, name: str, *, generator: bool) -> None:
    """Raises ValueError for a conditioning that the network does not offer.

    Args:
      network: its name, for the message.
      name: one of `CONDITIONINGS`.
      generator: whether the network is a generator.
    """
    known = ("concatenation", "normalization" if generator else "projection")
    if name not in known:
        player = "generator" if generator else "discriminator"
        raise ValueError(f"no conditioning {name!r} in a {network} {player}; one of {', '.join(known)}")


def check_features(condition: chex.Array | None) -> None:
    """Raises ValueError for integer labels, which a network that expects features would read as one number."""
    if condition is not None and condition.ndim == 1 and jnp.issubdtype(condition.dtype, jnp.integer):
        raise ValueError(
            "this network takes a condition's features, and whole numbers [batch] are labels; wrap it in "
            "jaxgan.wrappers.conditions.one_hot(network, classes)"
        )


def as_features(condition: chex.Array | None, classes: int | None, dtype: Any) -> chex.Array | None:
    """A condition as [batch, features].

    Args:
      condition: [batch, ...] floats, or [batch] integers in 0, …, classes − 1; or None.
      classes: length of the one-hot vectors that integers become.
      dtype: of the features.

    Returns:
      [batch, features], or None.

    Raises:
      ValueError: integers without a number of classes.
    """
    if condition is None:
        return None
    if jnp.issubdtype(condition.dtype, jnp.floating):
        return condition.reshape(len(condition), -1).astype(dtype)
    if classes is None:
        raise ValueError(
            "a condition of whole numbers needs classes=, how many there are; or give it as one-hot floats"
        )
    return jax.nn.one_hot(condition.reshape(-1), classes, dtype=dtype)


def flatten(inputs: chex.Array, condition: chex.Array | None) -> chex.Array:
    """[batch, ...] to [batch, features], with the condition's features appended."""
    check_features(condition)
    parts = [inputs] if condition is None else [inputs, condition]
    return jnp.concatenate([part.reshape(part.shape[0], -1) for part in parts], axis=-1)


def with_condition(images: chex.Array, condition: chex.ArrayTree | None, smallest: int = 1) -> chex.Array:
    """Images [n, height, width, channels] with the condition's features as further channels, constant over pixels.

    Raises:
      ValueError: not images, a side has fewer pixels than `smallest`, or the condition holds labels.
    """
    check_features(condition)
    if images.ndim != 4:
        raise ValueError(f"a convolution needs images [height, width, channels], and examples are {images.shape[1:]}")
    if min(images.shape[1:3]) < smallest:
        raise ValueError(f"these layers need images of {smallest} × {smallest} and more, not {list(images.shape[1:])}")
    if condition is None:
        return images
    features = condition.reshape(len(condition), 1, 1, -1).astype(images.dtype)
    return jnp.concatenate([images, jnp.broadcast_to(features, (*images.shape[:3], features.shape[-1]))], axis=-1)


def modulated(hidden: chex.Array, condition: chex.Array | None) -> chex.Array:
    """h·(1 + Γc) + Bc for every channel of normalised h, with Γ and B near 0 at the start: conditional batch norm.

    The normalisation has no scale and bias of its own then. Called inside a module's compact call.

    Args:
      hidden: h, [batch, ..., channels].
      condition: c, [batch, ...] features; None returns h unchanged.

    Returns:
      [batch, ..., channels].

    Source: de Vries et al. 2017 (arXiv:1707.00683); in generators, Miyato and Koyama 2018 (arXiv:1802.05637).
    """
    if condition is None:
        return hidden
    channels, small = hidden.shape[-1], linen.initializers.normal(0.02)
    condition = condition.reshape(len(condition), -1)
    gamma, beta = (Dense(channels, use_bias=False, kernel_init=small)(condition) for _ in range(2))
    gamma, beta = (part.reshape(len(part), *(1,) * (hidden.ndim - 2), channels) for part in (gamma, beta))
    return hidden * (1 + gamma) + beta


def with_projection(logits: chex.Array, condition: chex.Array | None, inputs: chex.Array, **options: Any) -> chex.Array:
    """A discriminator's logits plus (Vc)ᵀφ(x), if there is a condition. Called inside a module's compact call.

    Args:
      logits: [batch].
      condition: c, [batch, ...] features, or None.
      inputs: φ(x), inputs of the last layer, [batch, features].
      **options: of the layer `projection`, whose kernel is Vᵀ.

    Returns:
      [batch].

    Raises:
      ValueError: the condition holds labels.

    Source: Miyato and Koyama 2018 (arXiv:1802.05637), equation 3.
    """
    check_features(condition)
    if condition is None:
        return logits
    features = condition.reshape(len(condition), -1)
    # First Vᵀφ, then its product with c: V is initialised as the weights of a logit are.
    return logits + (Dense(features.shape[-1], use_bias=False, name="projection", **options)(inputs) * features).sum(-1)
