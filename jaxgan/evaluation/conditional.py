"""Conditional samples: do they have the requested class, and are they as diverse within it as real examples?"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxgan.datasets import order
from jaxgan.evaluation.base import Data, Examples, Score, feature_score, share_error
from jaxgan.evaluation.distances import squared_distances
from jaxgan.evaluation.inputs import check_finite, class_logits

MOST = 1_000
"""Maximum number of examples per class that are compared with each other."""


class Diversity(NamedTuple):
    """Distances between samples of a class, relative to those between its real examples.

    Attributes:
      value: mean over the classes of d_c(samples)/d_c(real); NaN if no class has two examples in both sets.
      standard_error: due to the choice of samples and of real examples.
      classes: number of classes in the mean.
    """

    value: float
    standard_error: float
    classes: int


def label_accuracy(logits: ArrayLike, labels: ArrayLike) -> float:
    """Fraction of samples whose class, by a classifier's logits [n, classes], is the requested one, `labels` [n].

    Raises:
      ValueError: the shapes do not match, there are no samples, or the logits are not a classifier's.
    """
    logits, labels = class_logits(logits), np.asarray(labels)
    if labels.shape != logits.shape[:1]:
        raise ValueError(f"logits [n, classes] and labels [n] do not fit: {logits.shape}, {labels.shape}")
    return float((logits.argmax(1) == labels).mean())


def class_distances(examples: ArrayLike, labels: ArrayLike, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """d_c = mean of ‖x_i − x_j‖ over the pairs i < j of at most 1,000 examples of class c, the same in every run.

    Args:
      examples: [n, ...].
      labels: [n] int, 0 to classes − 1.
      classes: number of classes.

    Returns:
      d_c [classes], NaN for classes with fewer than two examples; and their standard errors 2·s/√n, where s is the
      standard deviation over the examples of their mean distances to the others.

    Raises:
      ValueError: the numbers of examples and labels differ or are 0, or some values are NaN or infinite.
    """
    values, labels = np.asarray(examples), np.asarray(labels)
    if values.ndim < 1 or labels.shape != values.shape[:1] or not values.size:
        raise ValueError(f"examples [n, ...] and labels [n] do not fit: {values.shape}, {labels.shape}")
    check_finite("examples", values)
    places = (np.flatnonzero(labels == c) for c in range(classes))
    members = [of_class[np.sort(order.subset("examples", len(of_class), MOST))] for of_class in places]
    size = max(len(places) for places in members)
    distances, errors = np.full((2, classes), np.nan)
    for c, places in enumerate(members):
        if len(places) > 1:
            filled = jnp.asarray(values[np.resize(places, size)], float)  # one shape, compiled once
            means = _mean_distances(filled.reshape(size, -1), len(places))
            means = np.asarray(means, np.float64)[: len(places)]
            distances[c], errors[c] = means.mean(), 2 * means.std(ddof=1) / math.sqrt(len(places))
    return distances, errors


@jax.jit
def _mean_distances(values, count):
    """The mean distance of each of the first `count` rows to the other rows."""
    place = jnp.arange(len(values))
    used = place < count
    mean = jnp.where(used[:, None], values, 0).sum(0, keepdims=True) / count  # centring reduces cancellation
    distances = jnp.sqrt(squared_distances(values - mean, values - mean))
    pairs = used[None] & (place[:, None] != place[None])
    return jnp.where(pairs, distances, 0).sum(1) / (count - 1)


def within_class_diversity(
    samples: ArrayLike, labels: ArrayLike, real: ArrayLike, real_labels: ArrayLike, classes: int
) -> Diversity:
    """Mean over the classes c of d_c(samples)/d_c(real), where `class_distances` defines d_c and the arguments.

    It is 1 for real data, and 0 if all samples of a class are equal. The delta method gives the standard error.
    """
    return _diversity(class_distances(samples, labels, classes), class_distances(real, real_labels, classes))


def _diversity(samples: tuple[np.ndarray, np.ndarray], real: tuple[np.ndarray, np.ndarray]) -> Diversity:
    known = np.isfinite(samples[0]) & (real[0] > 0)
    if not known.any():
        return Diversity(math.nan, math.nan, 0)
    (above, above_error), (below, below_error) = ([x[known] for x in pair] for pair in (samples, real))
    ratio = above / below
    errors = np.hypot(above_error, ratio * below_error) / below
    return Diversity(float(ratio.mean()), float(np.sqrt(np.square(errors).sum()) / len(ratio)), len(ratio))


def evaluate(samples: Examples, data: Data, key: jax.Array) -> list[Score]:
    """The evaluator "conditional": `label_accuracy`, if the features are the classifier's, and
    `within_class_diversity` of the values, relative to the training split."""
    classes, labels, train_labels, scores = data.classes, samples.labels, data.train.labels, []
    if classes is None or labels is None or train_labels is None:
        raise ValueError(f"the {samples.name} examples and the training examples need labels")

    if samples.features_of.name == "classifier" and samples.logits is not None:
        share, right = label_accuracy(samples.logits, labels), samples.logits.argmax(1) == labels
        worst = min(float(right[labels == c].mean()) for c in range(classes) if (labels == c).any())
        score = Score("label_accuracy", share, share_error(share, len(labels)), features="classifier")
        scores.append(score._replace(samples=len(labels), details={"worst_class": worst}))

    real = data.train.cached(
        "distances within classes", lambda: class_distances(data.train.values, train_labels, classes)
    )
    found = _diversity(class_distances(samples.values, labels, classes), real)
    details = {"classes": found.classes, "examples_of_a_class_at_most": MOST}
    score = feature_score("within_class_diversity", found.value, found.standard_error, samples, data, details=details)
    return [*scores, score._replace(features="raw", split="train", against=len(data.train))]
