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


CONDITIONINGS = ("concatenation", "normalization", "projection")
"""How a network takes the features c of a condition: concatenation, behind its inputs or as further channels;
normalization, in generators: as scales 1 + Γc and biases Bc behind every normalisation (arXiv:1707.00683); projection,
in discriminators: as a summand (Vc)ᵀφ(x) of the logit, φ(x) the last layer's inputs (arXiv:1802.05637)."""


def check_conditioning(network: str, name: str, *, generator: bool) -> None:
    """Raises ValueError where a network does not take a condition in a way.

    Args:
      network: its name, for the message.
      name: one of `CONDITIONINGS`.
      generator: whether it is one.
    """
    known = ("concatenation", "normalization" if generator else "projection")
    if name not in known:
        player = "generator" if generator else "discriminator"
        raise ValueError(f"no conditioning {name!r} in a {network} {player}; one of {', '.join(known)}")


def check_features(condition: chex.Array | None) -> None:
    """Raises ValueError for a condition of labels, which a network that takes features would see as one number."""
    if condition is not None and condition.ndim == 1 and jnp.issubdtype(condition.dtype, jnp.integer):
        raise ValueError(
            "this network takes a condition's features, and whole numbers [batch] are labels; wrap it in "
            "jaxgan.wrappers.conditions.one_hot(network, classes)"
        )
