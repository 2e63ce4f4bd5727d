"""Checks the inputs of evaluators: sets of examples, and logits.

Scores of values that are NaN or infinite can look plausible, so every set must be finite.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike


class NonFiniteError(ValueError):
    """Some examples of a set are NaN or infinite.

    Attributes:
      name: name of the set.
      count, total: number of examples that are not finite, and number of examples.
      first: index of the first example that is not finite.
    """

    def __init__(self, name: str, count: int, total: int, first: int):
        self.name, self.count, self.total, self.first = name, count, total, first
        super().__init__(
            f"{name}: {count:,} of {total:,} examples are not finite (NaN or infinite), the first at index {first}"
        )


def check_finite(name: str, values: ArrayLike) -> None:
    """Raises NonFiniteError if a set of examples [n, ...] contains NaN or infinite values."""
    values = np.atleast_1d(values)
    places = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(1))
    if places.size:
        raise NonFiniteError(name, len(places), len(values), int(places[0]))


def rows(**sets: ArrayLike) -> list[jax.Array]:
    """Converts sets of examples [n, ...] to floats [n, dim], in float64 inside `double_precision`.

    Args:
      **sets: the sets, by the name to use in messages. A vector [n] is n one-dimensional examples.

    Raises:
      ValueError: a set has no examples or no dimensions, or the dimensions differ.
      NonFiniteError: a set contains examples that are NaN or infinite.
    """
    found = []
    for name, given in sets.items():
        examples = jnp.asarray(given)
        if examples.ndim < 1 or 0 in examples.shape:
            raise ValueError(f"{name} must be [n, ...] with at least one example, got shape {examples.shape}")
        check_finite(name, given)
        found.append(examples.astype(float).reshape(len(examples), -1))
    if len({dim for _, dim in (x.shape for x in found)}) > 1:
        shapes = " and ".join(str(x.shape) for x in found)
        raise ValueError(f"{' and '.join(sets)} must have the same dimension, got shapes {shapes}")
    return found


def class_logits(logits: ArrayLike, name: str = "logits") -> np.ndarray:
    """Checks a classifier's logits [n, classes]; −∞ means that a class is impossible.

    Raises:
      ValueError: they are not [n, classes] with at least one example and one class.
      NonFiniteError: an example has a logit that is NaN or +∞, or only −∞.
    """
    logits = np.asarray(logits)
    if logits.ndim != 2 or 0 in logits.shape:
        raise ValueError(f"{name} must be [n, classes] with at least one example, got shape {logits.shape}")
    check_finite(name, logits.max(1))  # the maximum is NaN if any logit is NaN
    return logits
