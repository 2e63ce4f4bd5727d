"""Precision, recall, density and coverage: are samples like the data, and do they cover all of it?"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxgan.evaluation.base import Data, Examples, Score, feature_score, share_error
from jaxgan.evaluation.distances import block_size, double_precision, first_minimum, map_blocks, squared_distances
from jaxgan.evaluation.inputs import rows
from jaxgan.fields import Count

NEIGHBOR = 5
"""k of the evaluator, as in Naeem et al. 2020. Kynkäänniemi et al. 2019 use 3."""

ROUNDING = 2.0**-45
"""x and y count as equal if ‖x − y‖² is below this fraction of ‖x‖² + ‖y‖², the rounding of a matrix product."""


class Manifolds(NamedTuple):
    """How two sets of examples cover each other. All but density are in [0, 1].

    The ball of an example extends to its k-th nearest neighbour in its own set. It is open, so it does not contain this
    neighbour, as in the code of Naeem et al. (package prdc). Unlike in that code, the ball always contains its centre:
    if an example has k copies, its ball of radius 0 contains them and is not empty.

    Attributes:
      precision: fraction of the fake examples inside the ball of a real one.
      recall: fraction of the real examples inside the ball of a fake one.
      density: mean number of real balls that contain a fake example, divided by k; 1 for the data itself.
      coverage: fraction of the real examples whose ball contains a fake one.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def precision_recall(real: ArrayLike, fake: ArrayLike, k: int = 5) -> Manifolds:
    """Precision, recall, density and coverage from Euclidean distances between features, in float64.

    Args:
      real, fake: [n, dim] and [m, dim], more than k examples of each.
      k: which nearest neighbour (not counting the example itself) defines the radius of a ball; ≥ 1.

    Raises:
      ValueError: k is below 1, a set has at most k examples, or the dimensions differ.

    Source: Kynkäänniemi et al. 2019 (arXiv:1904.06991), equations 1 and 2; Naeem et al. 2020 (arXiv:2002.09797),
    equations 3 and 5.
    """
    with double_precision():
        real, fake = rows(real=real, fake=fake)
        if k < 1 or min(len(real), len(fake)) <= k:
            raise ValueError(
                f"k = {k} needs k >= 1 and more than k examples, got {len(real)} real and {len(fake)} fake"
            )
        hits, recalled, balls, covered = map(int, ball_counts(real, fake, k))
        n, m = len(real), len(fake)
        return Manifolds(hits / m, recalled / n, balls / (k * m), covered / n)


@functools.partial(jax.jit, static_argnums=2)
def ball_counts(real, fake, k):
    """Counts fake examples in real balls, real ones in fake balls, pairs of the first kind, and real balls hit.

    Besides its arguments it needs 752 MiB for two sets of 200,000 examples of 128 numbers, and 308 MiB for 50,000.
    """
    center = real.mean(0, keepdims=True)  # centred data loses fewer digits to cancellation
    real, fake = real - center, fake - center
    squares = jnp.square(real).sum(1)[None]
    real_radii, fake_radii = _squared_radii(real, k), _squared_radii(fake, k)
    block = min(block_size(len(real)), len(fake))
    count = -len(fake) % block
    # A radius of -1 marks the padding of the last block.
    fake = jnp.pad(fake, [(0, count), (0, 0)]).reshape(-1, block, fake.shape[1])
    fake_radii = jnp.pad(fake_radii, (0, count), constant_values=-1).reshape(-1, block)

    def add_block(found, inputs):
        fake, radii = inputs
        distances = squared_distances(fake, real)
        equal = distances <= ROUNDING * (jnp.square(fake).sum(1)[:, None] + squares)
        used = radii[:, None] >= 0
        in_real = ((distances < real_radii[None]) | equal) & used
        in_fake = ((distances < radii[:, None]) | equal) & used
        hits, balls, covered, recalled = found
        hits, balls = hits + in_real.any(1).sum(), balls + in_real.sum()
        return (hits, balls, covered | in_real.any(0), recalled | in_fake.any(0)), None

    none = jnp.zeros((), int), jnp.zeros((), int), jnp.zeros(len(real), bool), jnp.zeros(len(real), bool)
    (hits, balls, covered, recalled), _ = jax.lax.scan(add_block, none, (fake, fake_radii))
    return hits, recalled.sum(), balls, covered.sum()


def _squared_radii(points, k):
    """Squared distance of each point [n, dim] to its k-th nearest other point: [n]."""
    columns = jnp.arange(len(points))
    row = columns[None]

    def of_block(indices):
        distances = squared_distances(points[indices], points)
        distances = jnp.where(row == indices[:, None], jnp.inf, distances)
        # Removes k minima one by one, since top_k sorts whole rows of float64 on CPUs.
        for _ in range(k - 1):
            distances = jnp.where(row == first_minimum(distances)[1][:, None], jnp.inf, distances)
        return distances.min(1)

    return map_blocks(of_block, columns, block_size(len(points)))


def evaluate(samples: Examples, data: Data, key: jax.Array, *, k: Count = NEIGHBOR) -> list[Score]:
    """The evaluator "precision_recall", between the features of the samples and of the data's reference split.

    The standard errors are those of fractions of independent examples. They ignore the variation of the balls.
    """
    found, real = precision_recall(data.reference.features, samples.features, k), len(data.reference)
    errors = {
        "precision": share_error(found.precision, len(samples)),
        "recall": share_error(found.recall, real),
        "coverage": share_error(found.coverage, real),
    }
    facts: Any = {"unit": f"k = {k}", "split": data.reference_split, "details": {"k": k}}
    return [
        feature_score(name, value, errors.get(name), samples, data, **facts) for name, value in found._asdict().items()
    ]
