"""How a network reads a condition: as features after its inputs, as scales and biases, or as a projection."""

from typing import Any

import chex
import jax
import jax.numpy as jnp

from jaxgan.networks.layers import Dense, check_features

CONDITIONINGS = ("concatenation", "normalization", "projection")
"""concatenation: the condition's features are appended to the inputs, or become further channels of an image.
normalization (generators): scales 1 + Γc and biases Bc after every normalisation (arXiv:1707.00683).
projection (discriminators): (Vc)ᵀφ(x) is added to the logit, φ(x) the last layer's inputs (arXiv:1802.05637)."""

PLAYER_CONDITIONINGS = {
    "generator": ("concatenation", "normalization"),
    "discriminator": ("concatenation", "projection"),
}


def as_features(condition: chex.Array | None, classes: int | None, dtype: Any) -> chex.Array | None:
    """Converts a condition to [batch, features]; None stays None.

    Args:
      condition: [batch, ...] floats, or [batch] integers in 0, …, classes − 1; or None.
      classes: number of classes, the length of the one-hot vectors for integers.
      dtype: dtype of the features.

    Raises:
      ValueError: the condition has integers, but no number of classes is given.
    """
    if condition is None:
        return None
    if jnp.issubdtype(condition.dtype, jnp.floating):
        return condition.reshape(condition.shape[0], -1).astype(dtype)
    if classes is None:
        raise ValueError("a condition of integers needs classes=, their number; or give it as one-hot floats")
    return jax.nn.one_hot(condition.reshape(-1), classes, dtype=dtype)


def with_condition(images: chex.Array, condition: chex.ArrayTree | None, smallest: int) -> chex.Array:
    """Images [n, height, width, channels] with the condition's features as further channels, constant over the pixels.

    Raises:
      ValueError: the inputs are not images, a side is shorter than `smallest` pixels, or the condition holds labels.
    """
    check_features(condition)
    if images.ndim != 4:
        raise ValueError(f"a convolution needs images [height, width, channels], and examples are {images.shape[1:]}")
    if min(images.shape[1:3]) < smallest:
        raise ValueError(f"these layers need images of {smallest} × {smallest} and more, not {list(images.shape[1:])}")
    if condition is None:
        return images
    features = condition.reshape(condition.shape[0], 1, 1, -1).astype(images.dtype)
    return jnp.concatenate([images, jnp.broadcast_to(features, (*images.shape[:3], features.shape[-1]))], axis=-1)


def projection(condition: chex.Array, inputs: chex.Array, **options: Any) -> chex.Array:
    """(Vc)ᵀφ(x), [batch], to add to a discriminator's logits. Call it inside a module's compact method.

    Args:
      condition: c, [batch, ...] features.
      inputs: φ(x), the last layer's inputs, [batch, features].
      **options: options of the layer `projection`, whose kernel is Vᵀ.

    Source: Miyato and Koyama 2018 (arXiv:1802.05637), equation 3.
    """
    features = condition.reshape(condition.shape[0], -1)
    # First Vᵀφ, then its product with c: V is initialised like the weights of a logit.
    return (Dense(features.shape[-1], use_bias=False, name="projection", **options)(inputs) * features).sum(-1)
