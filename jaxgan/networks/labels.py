"""Conditions as features."""

from typing import Any

import chex
import jax
import jax.numpy as jnp


def as_features(condition: chex.Array | None, classes: int | None, dtype: Any) -> chex.Array | None:
    """A condition as [batch, features].

    Args:
      condition: [batch, ...] of floats, or [batch] of whole numbers in 0, …, classes − 1; or None.
      classes: how many features whole numbers become, of which one is 1.
      dtype: of the features.

    Returns:
      [batch, features], or None.

    Raises:
      ValueError: whole numbers, and no number of classes.
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


def check_features(condition: chex.Array | None) -> None:
    """Raises ValueError for a condition of labels, which a network that takes features would see as one number."""
    if condition is not None and condition.ndim == 1 and jnp.issubdtype(condition.dtype, jnp.integer):
        raise ValueError(
            "this network takes a condition's features, and whole numbers [batch] are labels; wrap it in "
            "jaxgan.conditions.one_hot(network, classes)"
        )
