"""Conditional samples: do they have the requested class, and are they as diverse in it as real examples?"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxgan.evaluation.base import Data, Examples, Score, share_error
from jaxgan.evaluation.distances import rows, squared_distances

MOST = 1_000
"""Examples of each class, at most, that are compared with each other."""


class Diversity(NamedTuple):
    """Distances between samples of a class, relative to those between its real examples.

    Attributes:
      value: mean over the classes of d_c(samples)/d_c(real); NaN if no class has two of both.
      standard_error: over the choice of samples and of real examples.
      classes: number of classes in the mean.
    """

    value: float
    standard_error: float
    classes: int


def label_accuracy(logits: ArrayLike, labels: ArrayLike) -> float:
    """Share of samples that a classifier assigns to the requested class: argmax of the logits = label.

    Args:
      logits: [n, classes], of the samples.
      labels: [n] int, the requested classes.

    Returns:
      0 to 1.

    Raises:
      ValueError: the shapes do not fit, or there are no samples.
    """
    logits, labels = np.asarray(logits), np.asarray(labels)
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or not len(labels):
        raise ValueError(f"logits [n, classes] and labels [n] do not fit: {logits.shape}, {labels.shape}")
    return float((logits.argmax(1) == labels).mean())


def class_distances(examples: ArrayLike, labels: ArrayLike, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """d_c = mean of ‖x_i − x_j‖ over the pairs i < j of the first 1,000 examples of each class.

    Args:
      examples: [n, ...].
      labels: [n] int, 0 to classes − 1.
      classes: number of classes.

    Returns:
      d_c [classes], NaN if a class has fewer than two examples; and their standard errors, 2·s/√n with s the
      deviation over the examples of their mean distances to the others.

    Raises:
      ValueError: the numbers of examples and labels differ, or there are none.
    """
    values, labels = np.asarray(examples), np.asarray(labels)
    if values.ndim < 1 or labels.shape != values.shape[:1] or not len(labels):
        raise ValueError(f"examples [n, ...] and labels [n] do not fit: {values.shape}, {labels.shape}")
    found = [np.flatnonzero(labels == c)[:MOST] for c in range(classes)]
    size = max(len(places) for places in found)
    distances, errors = np.full((2, classes), np.nan)
    for c, places in enumerate(found):
        if len(places) > 1:
            filled = np.resize(places, size)  # one shape, compiled once
            means = np.asarray(_mean_distances(rows(values[filled]), len(places)), np.float64)[: len(places)]
            distances[c], errors[c] = means.mean(), 2 * means.std(ddof=1) / math.sqrt(len(places))
    return distances, errors


@jax.jit
def _mean_distances(values, count):
    """The mean distance of each of the first `count` rows to the others."""
    place = jnp.arange(len(values))
    there = place < count
    mean = jnp.where(there[:, None], values, 0).sum(0, keepdims=True) / count  # near it fewer digits cancel
    distances = jnp.sqrt(squared_distances(values - mean, values - mean))
    pairs = there[None] & (place[:, None] != place[None])
    return jnp.where(pairs, distances, 0).sum(1) / (count - 1)


def within_class_diversity(
    samples: ArrayLike, labels: ArrayLike, real: ArrayLike, real_labels: ArrayLike, classes: int
) -> Diversity:
    """Mean over the classes c of d_c(samples)/d_c(real), with d_c of `class_distances`.

    It is 1 for real data, and 0 if all samples of a class are equal.

    Args:
      samples: [n, ...].
      labels: [n] int, the requested classes.
      real: [m, ...], examples of the data, with equally many values.
      real_labels: [m] int.
      classes: number of classes.

    Returns:
      The mean, its standard error by the delta method, and the number of classes with two of both.

    Raises:
      ValueError: as `class_distances`.
    """
    return _diversity(class_distances(samples, labels, classes), class_distances(real, real_labels, classes))


def _diversity(samples: tuple[np.ndarray, np.ndarray], real: tuple[np.ndarray, np.ndarray]) -> Diversity:
    (above, above_error), (below, below_error) = samples, real
    there = np.isfinite(above) & (below > 0)
    if not there.any():
        return Diversity(math.nan, math.nan, 0)
    ratio = above[there] / below[there]
    errors = np.hypot(above_error[there], ratio * below_error[there]) / below[there]
    count = int(there.sum())
    return Diversity(float(ratio.mean()), float(np.sqrt(np.square(errors).sum()) / count), count)


def evaluate(samples: Examples, data: Data, key: jax.Array) -> list[Score]:
    """The evaluator "conditional": `label_accuracy`, if the features are the classifier's, and
    `within_class_diversity` of the values, relative to the training split."""
    assert data.classes is not None
    scores = [_within(samples, data, data.classes)]
    if samples.features_of.name == "classifier" and samples.logits is not None:
        scores.insert(0, _accuracy(samples, samples.logits, data.classes))
    return scores


def _accuracy(samples: Examples, logits: np.ndarray, classes: int) -> Score:
    labels, count = _labels(samples), len(samples)
    share = label_accuracy(logits, labels)
    each = [float((logits[labels == c].argmax(1) == c).mean()) for c in range(classes) if (labels == c).any()]
    return Score(
        name="label_accuracy",
        value=share,
        standard_error=share_error(share, count),
        features=samples.features_of.name,
        samples=count,
        details={"worst_class": min(each)},
    )


def _within(samples: Examples, data: Data, classes: int) -> Score:
    def distances(examples):
        return class_distances(examples.values, _labels(examples), classes)

    real = data.train.cached("distances within classes", lambda: distances(data.train))
    found = _diversity(distances(samples), real)
    return Score(
        name="within_class_diversity",
        value=found.value,
        standard_error=found.standard_error,
        features="raw",
        split="train",
        samples=len(samples),
        against=len(data.train),
        details={"classes": found.classes, "examples_of_a_class_at_most": MOST},
    )


def _labels(examples: Examples) -> np.ndarray:
    if examples.labels is None:
        raise ValueError(f"the {examples.name} examples need labels")
    return examples.labels
