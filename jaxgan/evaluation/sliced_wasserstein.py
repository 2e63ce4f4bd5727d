"""Sliced Wasserstein distance: optimal transport along random directions, which reduces to sorting."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxgan.evaluation.base import Data, Estimate, Examples, Score, feature_score
from jaxgan.evaluation.distances import double_precision
from jaxgan.evaluation.inputs import rows

PROJECTIONS = 256


def sliced_wasserstein(
    key: jax.Array, a: ArrayLike, b: ArrayLike, *, projections: int = PROJECTIONS, order: int = 2
) -> Estimate:
    """(E_u W_p^p(uᵀa, uᵀb))^{1/p} over directions u uniform on the sphere.

    Along each direction W_p^p = ∫₀¹ |F_a⁻¹(q) − F_b⁻¹(q)|^p dq, computed exactly for sets of any sizes.

    Args:
      key: draws the directions.
      a, b: [n, ...] and [m, ...], of the same dimension.
      projections: number of directions, ≥ 2.
      order: p ≥ 1.

    Returns:
      The distance in the examples' unit, with its standard error over the directions only (by the delta method).

    Raises:
      ValueError: a set is empty, the dimensions differ, or a count is too small.

    Source: Rabin et al. 2011, "Wasserstein barycenter and its application to texture mixing"; Bonneel et al. 2015.
    """
    if projections < 2 or order < 1:
        raise ValueError(f"need projections >= 2 and order >= 1, got {projections} and {order}")
    with double_precision():
        a, b = rows(a=a, b=b)
        costs = np.asarray(_costs(key, a, b, projections, order))
    mean, error = costs.mean(), costs.std(ddof=1) / math.sqrt(projections)
    value = mean ** (1 / order)
    return Estimate(float(value), 0.0 if mean == 0 else float(error * value / (order * mean)))


@functools.partial(jax.jit, static_argnums=(3, 4))
def _costs(key, a, b, projections, order):
    directions = jax.random.normal(key, (projections, a.shape[1]), a.dtype)
    directions = directions / jnp.linalg.norm(directions, axis=1, keepdims=True)
    index_a, index_b, lengths = _quantiles(len(a), len(b))
    center = b.mean(0, keepdims=True)  # data centred at the origin loses fewer digits to cancellation
    a, b = a - center, b - center

    def of_direction(u):
        gaps = jnp.abs(jnp.sort(a @ u)[index_a] - jnp.sort(b @ u)[index_b])
        return (lengths * gaps**order).sum()

    return jax.lax.map(of_direction, directions, batch_size=16)


def _quantiles(n: int, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Intervals on which both quantile functions (of n and m values) are constant: index in each, and length."""
    # In integer multiples of 1/(n·m), so that equal breakpoints are exactly equal.
    edges = np.union1d(np.arange(n + 1) * m, np.arange(m + 1) * n)
    return edges[:-1] // m, edges[:-1] // n, np.diff(edges) / (n * m)


def evaluate(samples: Examples, data: Data, key: jax.Array) -> list[Score]:
    """The evaluator "sliced_wasserstein", of order 2, between the values of the samples and of the data's reference
    split."""
    value, error = sliced_wasserstein(key, samples.rows, data.reference.rows)
    details = {"projections": PROJECTIONS, "order": 2, "standard_error": "over the directions only"}
    score = feature_score(
        "sliced_wasserstein", value, error, samples, data, split=data.reference_split, details=details
    )
    return [score._replace(features="raw")]
