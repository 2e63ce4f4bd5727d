"""Nearest training examples: does the generator memorise the data?"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxgan.evaluation.base import Data, Examples, Score, feature_score
from jaxgan.evaluation.distances import block_size, double_precision, first_minimum, squared_distances
from jaxgan.evaluation.inputs import check_finite, rows

QUERIES = 2_000
"""Number of examples of each set that the evaluator looks up."""


class Neighbors(NamedTuple):
    """Euclidean distances [queries] to the nearest training examples, and their indices; ties give one of them."""

    distances: np.ndarray
    indices: np.ndarray


class Memorisation(NamedTuple):
    """Distances to the nearest training example, for generated and for held-out examples.

    Attributes:
      generated: mean distance of the generated examples.
      held_out: mean distance of the held-out examples.
      closer: probability that a generated example is closer to the training set than a held-out one; ties count half.
        It is ½ for new data, and near 1 for copies, or for examples with less detail than the data.
      standard_error: of `closer`, under the hypothesis that the two distributions are equal.
    """

    generated: float
    held_out: float
    closer: float
    standard_error: float


def nearest_neighbors(queries: ArrayLike, training: ArrayLike) -> Neighbors:
    """Finds the nearest training example of each query, by Euclidean distance.

    Distances are compared in float64, which separates copies from very close neighbours.

    Args:
      queries, training: [queries, ...] and [n, ...], of the same dimension.

    Raises:
      ValueError: a set is empty, or the dimensions differ.

    Source: the last column of figure 2 of Goodfellow et al. 2014 (arXiv:1406.2661).
    """
    with double_precision():
        queries, training = rows(queries=queries, training=training)
        distances, indices = _nearest(queries, training, block_size(len(queries)))
        return Neighbors(np.asarray(distances, np.float32), np.asarray(indices, np.int32))


@functools.partial(jax.jit, static_argnums=2)
def _nearest(queries, training, block):
    center = training.mean(0, keepdims=True)  # centred data loses fewer digits to cancellation
    block = min(block, len(training))
    blocks = -(-len(training) // block)

    def search(i, best):
        start = jnp.minimum(i * block, len(training) - block)  # the last block overlaps
        part = jax.lax.dynamic_slice_in_dim(training, start, block)
        distances, found = first_minimum(squared_distances(queries - center, part - center))
        closer = distances < best[0]
        return jnp.where(closer, distances, best[0]), jnp.where(closer, start + found, best[1])

    nothing = jnp.full(len(queries), jnp.inf, queries.dtype), jnp.zeros(len(queries), int)
    _, index = jax.lax.fori_loop(0, blocks, search, nothing)
    # Recomputed from differences, so an exact copy has distance 0.
    return jnp.linalg.norm(queries - training[index], axis=1), index


def memorisation(generated: ArrayLike, held_out: ArrayLike) -> Memorisation:
    """Compares the distances to the training set of generated [n] and held-out examples [m], by a rank test.

    Raises:
      ValueError: a set is empty, or contains distances that are NaN or infinite.

    Source: the rank test of Mann and Whitney 1947; used for memorisation by Meehan et al. 2020 (arXiv:2004.05675).
    """
    generated, held_out = (np.asarray(x, np.float64) for x in (generated, held_out))
    n, m = len(generated), len(held_out)
    if not n or not m:
        raise ValueError(f"need distances of both, got {n} generated and {m} held out")
    check_finite("generated", generated)
    check_finite("held_out", held_out)
    ordered = np.sort(generated)
    below, up_to = (np.searchsorted(ordered, held_out, side) for side in ("left", "right"))
    closer = float((below + up_to).sum() / (2 * n * m))
    error = math.sqrt((n + m + 1) / (12 * n * m))
    return Memorisation(float(generated.mean()), float(held_out.mean()), closer, error)


def evaluate(samples: Examples, data: Data, key: jax.Array) -> list[Score]:
    """The evaluator "nearest": distances to the nearest training examples, compared with those of the test split."""

    def distances(examples: Examples) -> np.ndarray:
        found = lambda: nearest_neighbors(examples.some(QUERIES).rows, data.train.rows).distances  # noqa: E731
        return examples.cached("nearest distances", found)

    generated, held_out = distances(samples), distances(data.test)
    found = memorisation(generated, held_out)
    spread = float(generated.std(ddof=1)) / math.sqrt(len(generated))
    details = {
        "training_examples": len(data.train),
        "training_examples_in_all": data.train.of,
        "held_out_distance": found.held_out,
    }
    scores = [
        feature_score("nearest_distance", found.generated, spread, samples, data, details=details),
        feature_score("nearest_closer", found.closer, found.standard_error, samples, data, details=details),
    ]
    return [s._replace(features="raw", samples=len(generated), against=len(held_out)) for s in scores]
