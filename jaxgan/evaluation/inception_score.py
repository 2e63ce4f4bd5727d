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
"""Number of parts whose scores are averaged, as in the authors' code."""


def inception_score(logits: ArrayLike) -> float:
    """exp E_x KL(p(y|x) ‖ p(y)), where p(y) is the mean of p(y|x) = softmax(logits) over the samples; in float64.

    Uses natural logarithms, and all samples as one part. Published scores are means over ten parts: see
    `inception_score_estimate`.

    Returns:
      Between 1, if p(y|x) is equal for all samples, and the number of classes.

    Raises:
      ValueError: as for `jaxgan.evaluation.inputs.class_logits`.

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
    # 0 log 0 = 0: a class may be impossible for some samples, or for all.
    ratio = jnp.where(conditional > 0, log_conditional - log_marginal, 0)
    return jnp.exp((conditional * ratio).sum(1).mean())


def inception_score_estimate(key: jax.Array, logits: ArrayLike, splits: int = SPLITS) -> Estimate:
    """The mean score of at least two disjoint random parts, with its standard error (ddof 1).

    Published scores are the mean over ten parts of 5,000 samples, and their standard deviation (ddof 0), which is three
    times this error. The authors split the samples in order. A smaller part has a lower score.

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
    """The evaluator "inception_score", computed from the features' classifier."""
    assert samples.logits is not None
    value, error = inception_score_estimate(key, samples.logits, splits)
    details = {"splits": splits, "classes": samples.logits.shape[1]}
    score = feature_score("inception_score", value, error, samples, data, unit=f"{splits} parts", details=details)
    return [score._replace(split="", against=0)]
