"""Modes: how many the samples hit, how evenly they hit them, and how many samples belong to no mode."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxgan.evaluation.base import Data, Examples, Score, feature_score, share_error
from jaxgan.evaluation.distances import block_size, map_blocks
from jaxgan.evaluation.inputs import class_logits, rows

HIGH_QUALITY = 3.0
"""A sample has high quality if it is within this many standard deviations of the nearest mode."""


class ModeCoverage(NamedTuple):
    """How samples cover known modes, or classes assigned by a classifier.

    Attributes:
      modes: number of modes with at least one high-quality sample, or of classes with at least one sample.
      high_quality: fraction of the samples within 3σ of the nearest mode (0.9889 for the mixture itself in the plane),
        or with a confident class.
      reverse_kl: KL(q ‖ p) in nats; q: fractions of the samples by nearest mode or class; p: uniform, or the data's.
    """

    modes: int
    high_quality: float
    reverse_kl: float


def mode_coverage(samples: ArrayLike, centers: ArrayLike, sigma: float) -> ModeCoverage:
    """Number of modes hit, fraction of high quality and reverse KL over the modes, for a mixture of equal Gaussians.

    Args:
      samples: [n, dim].
      centers: [modes, dim].
      sigma: standard deviation of each mode, > 0.

    A low-quality sample still counts for its nearest mode in q, as in the source.

    Raises:
      ValueError: a set is empty, the dimensions differ, or sigma is not positive.

    Source: Lin et al. 2018, PacGAN (arXiv:1712.04086), section 4.1; Srivastava et al. 2017 (arXiv:1705.07761).
    """
    samples, centers = rows(samples=samples, centers=centers)
    if not sigma > 0:
        raise ValueError(f"sigma must be positive, got {sigma}")

    block = max(1, block_size(len(centers)) // samples.shape[1])
    modes, squared = map(np.asarray, _nearest_centers(samples, centers, block))
    good = squared < (HIGH_QUALITY * sigma) ** 2
    counts = np.bincount(modes, minlength=len(centers))
    hit = np.bincount(modes[good], minlength=len(centers)) > 0
    return ModeCoverage(int(hit.sum()), float(good.mean()), reverse_kl(counts, np.ones(len(centers))))


@functools.partial(jax.jit, static_argnums=2)
def _nearest_centers(samples, centers, block):
    def of_block(samples):
        # Computed from differences: a matrix product loses digits if σ is small relative to the centres.
        squared = jnp.square(samples[:, None] - centers[None]).sum(-1)
        return squared.argmin(1), squared.min(1)

    return map_blocks(of_block, samples, block)


def reverse_kl(counts: ArrayLike, expected: ArrayLike) -> float:
    """KL(q ‖ p) = Σ q log(q/p) in nats, given counts over the modes.

    Args:
      counts, expected: [modes] ≥ 0, of the samples (q) and of the data (p); unnormalised.

    Returns:
      ≥ 0; 0 if q = p; infinite if samples hit a mode that the data does not have.

    Raises:
      ValueError: all counts of q or of p are 0.
    """
    q, p = (np.asarray(x, np.float64) for x in (counts, expected))
    if q.sum() <= 0 or p.sum() <= 0:
        raise ValueError("there must be at least one sample and one expected example")
    q, p = q / q.sum(), p / p.sum()
    q, p = q[q > 0], p[q > 0]
    with np.errstate(divide="ignore"):
        return max(0.0, float((q * np.log(q / p)).sum()))


def class_coverage(logits: ArrayLike, expected: ArrayLike, confident: float = 0.9) -> ModeCoverage:
    """`mode_coverage` for images, where the classes of a classifier are the modes.

    With few samples the reverse KL is biased upwards: for n samples from p itself its mean is about (modes − 1)/2n.

    Args:
      logits: [n, classes] of the samples.
      expected: [classes] ≥ 0, relative frequency of each class in the data.
      confident: class probability above which a sample has high quality.

    Raises:
      ValueError: the numbers of classes differ, or there are no samples.

    Source: Srivastava et al. 2017 (arXiv:1705.07761), section 4.1, for the number of modes. Lin et al. 2018
    (arXiv:1712.04086) expect the 1,000 classes of stacked digits equally often, and use 26,000 samples.
    """
    logits, expected = class_logits(logits).astype(np.float64), np.asarray(expected)
    if expected.shape != logits.shape[1:]:
        raise ValueError(f"logits [n, classes] and expected [classes] do not fit: {logits.shape}, {expected.shape}")
    shifted = logits - logits.max(1, keepdims=True)
    probability = 1 / np.exp(shifted).sum(1)  # of the most likely class
    counts = np.bincount(logits.argmax(1), minlength=logits.shape[1])
    good = float((probability >= confident).mean())
    return ModeCoverage(int((counts > 0).sum()), good, reverse_kl(counts, expected))


def evaluate(samples: Examples, data: Data, key: jax.Array) -> list[Score]:
    """The evaluator "modes", for a known mixture or for the classes of the features' classifier."""
    if data.mixture is not None:
        found = mode_coverage(samples.rows, data.mixture.centers, data.mixture.sigma)
        of, kind = len(data.mixture.centers), "mixture"
    else:
        assert samples.logits is not None and data.test.logits is not None
        expected = samples.features_of.class_shares
        if expected is None:
            expected = np.bincount(data.test.logits.argmax(1), minlength=data.test.logits.shape[1])
        found, of, kind = class_coverage(samples.logits, expected), len(expected), "classes"
    details, error = {"modes": of, "kind": kind}, share_error(found.high_quality, len(samples))
    scores = [
        feature_score("modes", found.modes, None, samples, data, unit=f"of {of}", details=details),
        feature_score("high_quality", found.high_quality, error, samples, data, details=details),
        feature_score("reverse_kl", found.reverse_kl, None, samples, data, unit="nats", details=details),
    ]
    return [s._replace(features="raw", split="", against=0) for s in scores] if kind == "mixture" else scores
