"""Inception score: how confident a classifier is about each sample, and how evenly the samples cover its classes."""

import math
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxgan.evaluation.base import Data, Estimate, Examples, Score, feature_score
from jaxgan.evaluation.distances import double_precision
from jaxgan.evaluation.inputs import class_logits
from jaxgan.fields import Field

SPLITS = 10
"""Parts whose scores are averaged, as in the authors' code."""


def inception_score(logits: ArrayLike) -> float:
    """exp E_x KL(p(y|x) ‖ p(y)), with p(y) the mean of p(y|x) = softmax(logits) over the samples; in float64.

    The logarithms are natural ones, and all samples are one part. Published scores are means over ten parts:
    `inception_score_estimate`.

    Returns:
      From 1, if p(y|x) is equal for all samples, to the number of classes.

    Raises:
      ValueError: as `jaxgan.evaluation.inputs.class_logits`.

    Source: Salimans et al. 2016 (arXiv:1606.03498), section 4.
    """
    logits = class_logits(logits)
    with double_precision():
        return float(_score(jnp.asarray(logits, float)))


@jax.jit
def _score(logits):
    log_conditional = jax.nn.log_softmax(logits, axis=1)
    log_marginal = jax.nn.logsumexp(log_conditional, axis=0, keepdims=True) - math.log(len(logits))
    conditional = jnp.exp(log_conditional)
    # 0 log 0 = 0: a class may be impossible for some samples, and for all of them.
    ratio = jnp.where(conditional > 0, log_conditional - log_marginal, 0)
    return jnp.exp((conditional * ratio).sum(1).mean())


def inception_score_estimate(key: jax.Array, logits: ArrayLike, splits: int = SPLITS) -> Estimate:
    """The mean score of at least two disjoint random parts, with its standard error (ddof 1).

    Published are the mean over ten parts of 5,000 samples and the standard deviation (ddof 0) over them, which is three
    times this error. The authors cut the samples in their order. A smaller part has a lower score.

    Raises:
      ValueError: there are fewer samples than parts, or fewer than two parts.
    """
    logits = np.asarray(logits)
    if splits < 2 or len(logits) < splits:
        raise ValueError(f"{splits} parts need at least as many samples, and there must be two; got {len(logits)}")
    size = len(logits) // splits
    order = np.asarray(jax.random.permutation(key, len(logits)))[: size * splits].reshape(splits, size)
    scores = [inception_score(logits[part]) for part in order]
    return Estimate(float(np.mean(scores)), float(np.std(scores, ddof=1)) / math.sqrt(splits))


def evaluate(
    samples: Examples, data: Data, key: jax.Array, *, splits: Annotated[int, Field(low=2)] = SPLITS
) -> list[Score]:
    """The evaluator "inception_score", by the features' classifier."""
    assert samples.logits is not None
    value, error = inception_score_estimate(key, samples.logits, splits)
    details = {"splits": splits, "classes": samples.logits.shape[1]}
    score = feature_score("inception_score", value, error, samples, data, unit=f"{splits} parts", details=details)
    return [score._replace(split="", against=0)]
