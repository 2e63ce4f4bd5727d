"""Kernel distance between two sets of features: the squared maximum mean discrepancy with a cubic kernel (KID)."""

import functools
import math
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxgan.evaluation.base import Data, Estimate, Examples, Score, feature_score
from jaxgan.evaluation.distances import block_size, double_precision, map_blocks
from jaxgan.evaluation.inputs import rows
from jaxgan.fields import Field

SUBSETS = 10
"""Number of subsets of the features, for the standard error."""


def kernel_distance(features_a: ArrayLike, features_b: ArrayLike) -> float:
    """Unbiased estimate of MMD² with the kernel k(x, y) = (xᵀy/dim + 1)³, in float64.

    mean_{i≠j} k(a_i, a_j) + mean_{i≠j} k(b_i, b_j) − 2·mean_{i,j} k(a_i, b_j). It is unbiased for any number of
    examples, so it may be negative if the two distributions are close. The scale is the source's, with the degree-3
    kernel; many tables print KID × 10³.

    Args:
      features_a, features_b: [n, dim] and [m, dim], at least two examples of each.

    Raises:
      ValueError: a set has fewer than two examples, or the dimensions differ.

    Source: Bińkowski et al. 2018 (arXiv:1801.01401), section 4; Gretton et al. 2012, JMLR 13, lemma 6.
    """
    with double_precision():
        a, b = _checked(features_a, features_b, 2)
        sums = _kernel_sums(a, b, jnp.zeros(len(a), int), jnp.zeros(len(b), int), 1)
        return float(_combine(sums, jnp.ones(1), jnp.ones(1)))


def kernel_estimate(key: jax.Array, features_a: ArrayLike, features_b: ArrayLike, subsets: int = SUBSETS) -> Estimate:
    """`kernel_distance` of all features, with its standard error by the jackknife over random subsets.

    Each set, of at least 2·subsets examples, is split at random into equal subsets. The distance is computed with each
    subset left out in turn. If the two distributions are almost equal, the error is too large by a factor of √2, since
    the estimate is then not linear in the examples. The usual KID, a mean over 100 overlapping subsets of 1,000
    examples, estimates the same quantity less precisely, and the spread over its subsets is not a standard error.
    """
    if subsets < 2:
        raise ValueError(f"a standard error needs at least two subsets, got {subsets}")
    key_a, key_b = jax.random.split(key)
    with double_precision():
        a, b = _checked(features_a, features_b, 2 * subsets)
        groups = (jax.random.permutation(k, len(x)) % subsets for k, x in ((key_a, a), (key_b, b)))
        sums = _kernel_sums(a, b, *groups, subsets)
        ones, without = jnp.ones(subsets), 1 - jnp.eye(subsets)
        left_out = (
            jax.vmap(_combine, (None, 0, None))(sums, without, ones),
            jax.vmap(_combine, (None, None, 0))(sums, ones, without),
        )
        variance = sum(float(x.var()) * (subsets - 1) for x in left_out)
        return Estimate(float(_combine(sums, ones, ones)), math.sqrt(variance))


def _checked(features_a, features_b, least):
    a, b = rows(features_a=features_a, features_b=features_b)
    if min(len(a), len(b)) < least:
        raise ValueError(f"this estimate needs at least {least} examples of each, got {len(a)} and {len(b)}")
    return a, b


class _Sums(NamedTuple):
    """Kernel sums over pairs of subsets [subsets, subsets], without i = j within a set; and sizes [subsets]."""

    within_a: jax.Array
    within_b: jax.Array
    across: jax.Array
    counts_a: jax.Array
    counts_b: jax.Array


@functools.partial(jax.jit, static_argnums=4)
def _kernel_sums(a, b, groups_a, groups_b, subsets):
    block = block_size(max(len(a), len(b)))
    members_a, members_b = (jax.nn.one_hot(groups, subsets, dtype=a.dtype) for groups in (groups_a, groups_b))

    def across(x, y, members_x, members_y):
        def of_block(x):
            return ((x @ y.T / x.shape[1] + 1) ** 3) @ members_y

        return members_x.T @ map_blocks(of_block, x, block)

    def within(x, members):
        diagonal = (jnp.square(x).sum(1) / x.shape[1] + 1) ** 3
        return across(x, x, members, members) - jnp.diag(members.T @ diagonal)

    sums = within(a, members_a), within(b, members_b), across(a, b, members_a, members_b)
    return _Sums(*sums, members_a.sum(0), members_b.sum(0))


@jax.jit
def _combine(sums, kept_a, kept_b):
    """The distance computed from the subsets whose entry of `kept` [subsets] is 1; the others are 0."""
    n, m = kept_a @ sums.counts_a, kept_b @ sums.counts_b
    within = kept_a @ sums.within_a @ kept_a / (n * (n - 1)) + kept_b @ sums.within_b @ kept_b / (m * (m - 1))
    return within - 2 * kept_a @ sums.across @ kept_b / (n * m)


def evaluate(
    samples: Examples, data: Data, key: jax.Array, *, subsets: Annotated[int, Field(low=2)] = SUBSETS
) -> list[Score]:
    """The evaluator "kernel", between the features of the samples and of the data's reference split."""
    value, error = kernel_estimate(key, samples.features, data.reference.features, subsets)
    details = {"dim": samples.features.shape[1], "subsets": subsets, "degree": 3, "scale": 1}
    split = data.reference_split
    return [feature_score("kernel", value, error, samples, data, unit="MMD²", split=split, details=details)]
