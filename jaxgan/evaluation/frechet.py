"""Fréchet distance between two sets of features, modelled as Gaussians: the FID, if the features are Inception's."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxgan.evaluation.base import Data, Estimate, Examples, Score, feature_score
from jaxgan.evaluation.distances import double_precision
from jaxgan.evaluation.inputs import rows


def frechet_distance(features_a: ArrayLike, features_b: ArrayLike) -> float:
    """‖μ_a − μ_b‖² + tr(Σ_a + Σ_b − 2(Σ_a Σ_b)^½), in float64.

    Covariances have ddof 1. The trace of the root comes from two symmetric eigenproblems. These are exact for singular
    covariances, unlike a general matrix root. The estimate has a positive bias of order 1/n, so compare only distances
    of equally many examples.

    Args:
      features_a, features_b: [n, dim] and [m, dim], at least two examples of each.

    Returns:
      The distance, ≥ 0 up to rounding, in squared units of the features.

    Raises:
      ValueError: a set has fewer than two examples, or the dimensions differ.

    Source: Dowson and Landau 1982, J. Multivariate Analysis 12; Heusel et al. 2017 (arXiv:1706.08500), equation 6.
    """
    with double_precision():
        a, b = _both_moments(features_a, features_b)
        root, _ = _roots(*_eigenvectors(a.covariance))
        return float(_distance(a, b, _eigenvalues(root @ b.covariance @ root)))


def frechet_estimate(features_a: ArrayLike, features_b: ArrayLike) -> Estimate:
    """`frechet_distance` of the same arguments, with its standard error.

    The error comes from linearising the distance in the two sets. The influence of an example is 2(μ_a − μ_b)ᵀ(x − μ_a)
    + (x − μ_a)ᵀ(I − T)(x − μ_a), minus its mean, where T is the optimal transport map between the two Gaussians. The
    error does not include the bias.
    """
    with double_precision():
        a, b = _both_moments(features_a, features_b)
        root, inverse_root = _roots(*_eigenvectors(a.covariance))
        middle, vectors = _eigenvectors(root @ b.covariance @ root)
        middle_root, inverse_middle_root = _roots(middle, vectors)
        shift = a.mean - b.mean
        variance_a = _variance(a.centered, shift, inverse_root @ middle_root @ inverse_root)
        variance_b = _variance(b.centered, -shift, root @ inverse_middle_root @ root)
        return Estimate(float(_distance(a, b, middle)), float(jnp.sqrt(variance_a + variance_b)))


class IntraClass(NamedTuple):
    """Fréchet distances within the classes.

    Attributes:
      value: mean over the classes with at least two examples in both sets; NaN if there are none.
      standard_error: of the mean.
      distances: [classes]; NaN for the other classes.
    """

    value: float
    standard_error: float
    distances: np.ndarray


def intra_class_distance(
    features_a: ArrayLike, labels_a: ArrayLike, features_b: ArrayLike, labels_b: ArrayLike, classes: int
) -> IntraClass:
    """Intra-class FID: the mean over the classes of `frechet_distance` between the examples of a class in two sets.

    Args:
      features_a, features_b: [n, dim] and [m, dim].
      labels_a, labels_b: [n] and [m] int, 0 to classes − 1.
      classes: number of classes.

    Raises:
      ValueError: a set has a different number of labels, is empty, or is NaN or infinite; or the dimensions differ.

    Source: Miyato and Koyama 2018 (arXiv:1802.05637), section 4.
    """
    sets = [np.asarray(x) for x in (features_a, features_b)]
    labels = [np.asarray(x) for x in (labels_a, labels_b)]
    if any(x.shape[:1] != of.shape for x, of in zip(sets, labels, strict=True)):
        raise ValueError(f"features [n, dim] and labels [n] do not fit: {[x.shape for x in (*sets, *labels)]}")
    if any(len(of) and not 0 <= of.min() <= of.max() < classes for of in labels):
        raise ValueError(f"labels must be 0 to {classes - 1}, the classes' numbers")
    rows(features_a=sets[0], features_b=sets[1])
    distances, errors = np.full((2, classes), np.nan)
    for c in range(classes):
        members = [x[of == c] for x, of in zip(sets, labels, strict=True)]
        if min(map(len, members)) > 1:
            distances[c], errors[c] = frechet_estimate(*members)
    known = np.isfinite(distances)
    if not known.any():
        return IntraClass(math.nan, math.nan, distances)
    error = float(np.sqrt(np.square(errors[known]).sum()) / known.sum())
    return IntraClass(float(distances[known].mean()), error, distances)


class _Moments(NamedTuple):
    mean: jax.Array
    covariance: jax.Array
    centered: jax.Array


def _both_moments(features_a, features_b):
    a, b = rows(features_a=features_a, features_b=features_b)
    if min(len(a), len(b)) < 2:
        raise ValueError(f"a covariance needs at least two examples, got {len(a)} and {len(b)}")
    return _moments(a), _moments(b)


# Compiled separately: in a single program XLA runs products in parallel with the threads of the eigenproblems, which
# is several times slower.
_eigenvalues = jax.jit(jnp.linalg.eigvalsh)
_eigenvectors = jax.jit(jnp.linalg.eigh)


@jax.jit
def _moments(x):
    mean = x.mean(0)
    x = x - mean[None]
    return _Moments(mean, x.T @ x / (len(x) - 1), x)


@jax.jit
def _distance(a, b, middle):
    """The distance, from the eigenvalues of Σ_a^½ Σ_b Σ_a^½, whose root has the same trace as (Σ_a Σ_b)^½."""
    shift = a.mean - b.mean
    traces = jnp.trace(a.covariance) + jnp.trace(b.covariance)
    return shift @ shift + traces - 2 * jnp.sqrt(jnp.maximum(middle, 0)).sum()


@jax.jit
def _roots(values, vectors):
    """The square root of a symmetric matrix, and the pseudo-inverse of the root."""
    roots = jnp.sqrt(jnp.maximum(values, 0))
    there = roots > roots.max() * jnp.sqrt(len(roots) * jnp.finfo(roots.dtype).eps)
    inverse = jnp.where(there, 1 / jnp.where(there, roots, 1), 0)
    return (vectors * roots[None]) @ vectors.T, (vectors * inverse[None]) @ vectors.T


@jax.jit
def _variance(x, shift, transport):
    influence = 2 * x @ shift + jnp.square(x).sum(1) - (x @ transport * x).sum(1)
    return influence.var(ddof=1) / len(x)


def evaluate(samples: Examples, data: Data, key: jax.Array) -> list[Score]:
    """The evaluator "frechet", between the features of the samples and of the data's reference split."""
    value, error = frechet_estimate(samples.features, data.reference.features)
    details = {"dim": samples.features.shape[1]}
    split = data.reference_split
    return [feature_score("frechet", value, error, samples, data, split=split, details=details)]


def evaluate_classes(samples: Examples, data: Data, key: jax.Array) -> list[Score]:
    """The evaluator "intra_frechet", within the classes of the samples and of the data's reference split."""
    real = data.reference
    if data.classes is None or samples.labels is None or real.labels is None:
        raise ValueError(f"the {samples.name} and the {real.name} examples need labels")
    found = intra_class_distance(samples.features, samples.labels, real.features, real.labels, data.classes)
    smallest = min(int(np.bincount(labels, minlength=data.classes).min()) for labels in (samples.labels, real.labels))
    details = {"classes": int(np.isfinite(found.distances).sum()), "dim": samples.features.shape[1]}
    details["smallest_class"] = smallest
    name, split = "intra_frechet", data.reference_split
    return [feature_score(name, found.value, found.standard_error, samples, data, split=split, details=details)]
