"""Parzen-window log-likelihood, the score of the paper's Table 1, with its protocol.

The score does not measure quality: it is largely independent of visual quality, and can far exceed that of real data
(Theis et al. 2016, arXiv:1511.01844). It allows comparisons with published tables.
"""

import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from numpy.typing import ArrayLike as Widths

from jaxgan.evaluation.base import Data, Examples, Score, feature_score
from jaxgan.evaluation.distances import block_size, double_precision, map_blocks
from jaxgan.evaluation.inputs import check_finite, rows
from jaxgan.training.init import check_floats

PAPER_SIGMAS = np.logspace(-1, 0, 10)
"""The grid of widths in the authors' code, in units of the data (pixels in [0, 1])."""

FINE_STEPS = 20
"""Number of steps of the fine grid, between the neighbours of the best σ."""

FINE_TRIALS = 8
"""Maximum number of moves of the fine grid; if samples equal validation examples, the best σ is 0."""

VALIDATION = 1_000
"""Number of validation examples on which the authors choose σ."""

FEW_DIMENSIONS, ROUNDING = 32, 2e-4
"""Means are computed in float32 in more than 32 dimensions, if 2⁻²⁴·E‖x − μ‖²/2σ² is below 2e-4 nats."""


class Estimate(NamedTuple):
    """A mean log-likelihood over points, in nats, with windows of width sigma.

    The standard error is the standard deviation over the points (ddof 0) / √n, as in the authors' code.
    """

    value: float
    standard_error: float
    sigma: float


def log_likelihood(samples: ArrayLike, points: ArrayLike, sigma: float) -> jax.Array:
    """log p(x) = logmeanexp_j(−‖x − μ_j‖²/2σ²) − dim·log(σ√(2π)), in nats: Gaussian windows on the samples μ_j.

    Args:
      samples: [n, ...], the windows' centres μ_j; also in the other functions.
      points: [points, ...], where the density is evaluated; same dimension as the samples.
      sigma: standard deviation of a window, > 0, in the samples' unit.

    Returns:
      [points], float32.

    Raises:
      ValueError: a set is empty, the dimensions differ, or sigma is not positive.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), section 5; the authors' parzen_ll.py.
    """
    return log_likelihoods(samples, points, [sigma])[0]


def log_likelihoods(samples: ArrayLike, points: ArrayLike, sigmas: Widths) -> jax.Array:
    """`log_likelihood` [widths, points] for many widths, in one pass over the distances."""
    return jnp.asarray(_log_likelihoods(samples, points, sigmas, np.float64), jnp.float32)


def mean_log_likelihoods(samples: ArrayLike, points: ArrayLike, sigmas: Widths) -> tuple[np.ndarray, np.ndarray]:
    """The mean log-likelihood over points, and its standard error, for many widths.

    Computed in float32, several times faster, if that keeps the mean accurate to 1e-4 nats: for images, and windows
    that are not too narrow. Single points may then be off by several 1e-3 nats. Otherwise computed in float64.

    Returns:
      Means [widths], in nats, and standard deviations over the points (ddof 0) / √points [widths].
    """
    check_finite("samples", samples)
    centers = np.asarray(samples, np.float32).reshape(len(np.atleast_1d(samples)), -1)
    narrowest = max(float(np.min(np.asarray(sigmas, np.float64), initial=math.inf)), 1e-100)
    rounding = float(centers.var(0).sum()) * 2**-24 / (2 * narrowest**2)
    dtype = np.float32 if centers.shape[1] > FEW_DIMENSIONS and rounding < ROUNDING else np.float64
    values = np.asarray(_log_likelihoods(samples, points, sigmas, dtype), np.float64)
    return values.mean(1), values.std(1) / math.sqrt(values.shape[1])


def _log_likelihoods(samples: ArrayLike, points: ArrayLike, sigmas: Widths, dtype: Any) -> jax.Array:
    """[widths, points], with distances computed in the given dtype."""
    widths = np.asarray(sigmas, np.float64)
    with double_precision():
        samples, points = (x.astype(dtype) for x in rows(samples=samples, points=points))
        if widths.ndim != 1 or not (widths > 0).all() or not np.isfinite(widths).all():
            raise ValueError(f"sigma must be positive and finite, got {sigmas!r}")
        constants = math.log(len(samples)) + samples.shape[1] * np.log(widths * math.sqrt(2 * math.pi))
        return _of_windows(samples, points, 0.5 / widths**2, constants, block_size(len(samples)))


@functools.partial(jax.jit, static_argnums=4)
def _of_windows(samples, points, precisions, constants, block):
    # Centred data loses fewer digits to cancellation.
    center = samples.mean(0, keepdims=True)
    samples, points = samples - center, points - center
    squares = jnp.square(samples).sum(1)[None]

    def of_block(points):
        # Without ‖x‖², which is the same for all windows.
        partial = squares - 2 * jnp.matmul(points, samples.T, precision=jax.lax.Precision.HIGHEST)
        nearest = partial.min(1, keepdims=True)
        closer = (nearest - partial).astype(jnp.float32)  # exponents need no higher precision

        def of_width(precision):
            return jnp.log(jnp.exp(closer * precision.astype(jnp.float32)).sum(1))

        distance = jnp.maximum(nearest + jnp.square(points).sum(1, keepdims=True), 0).astype(precisions.dtype)
        return jax.lax.map(of_width, precisions).T - distance * precisions[None]

    return map_blocks(of_block, points, block).T - constants[:, None]


def select_sigma(samples: ArrayLike, validation: ArrayLike, sigmas: Widths) -> tuple[float, np.ndarray]:
    """The width with the highest likelihood on validation examples.

    Returns:
      The best width of `sigmas` [widths], and the mean log-likelihood for each width [widths], in nats.
    """
    scores, _ = mean_log_likelihoods(samples, validation, sigmas)
    return float(np.asarray(sigmas)[scores.argmax()]), scores


def fine_sigmas(sigmas: Widths, scores: Widths) -> np.ndarray:
    """A finer grid around the best width of a coarse one.

    `FINE_STEPS` + 1 widths, evenly spaced on a log scale, between the neighbours of the width with the best score of
    `select_sigma`; at an end of the grid, up to half a decade beyond it.
    """
    sigmas = np.asarray(sigmas, np.float64)
    best = int(np.asarray(scores).argmax())
    low = sigmas[best - 1] if best > 0 else sigmas[0] / math.sqrt(10)
    high = sigmas[best + 1] if best + 1 < len(sigmas) else sigmas[-1] * math.sqrt(10)
    return np.geomspace(low, high, FINE_STEPS + 1)


def protocol(samples: ArrayLike, validation: ArrayLike, test: ArrayLike) -> tuple[Estimate, Estimate]:
    """The protocol of the paper's Table 1, with the authors' grid of widths and with a finer grid.

    Args:
      samples: [n, ...], generated, in [0, 1]; the authors use 10,000.
      validation: [examples, ...], to choose σ; the authors use 1,000.
      test: [points, ...]; the log-likelihood is averaged over these.

    Returns:
      The estimate with σ from the coarse `PAPER_SIGMAS`, and the higher one with σ from `fine_sigmas`.

    Raises:
      ValueError: some values are integers, for which the grid's widths are not intended.

    Source: the authors' parzen_ll.py, goodfeli/adversarial.
    """
    for name, examples in (("samples", samples), ("validation", validation), ("test", test)):
        check_floats(examples, name)
    coarse, scores = select_sigma(samples, validation, PAPER_SIGMAS)
    fine = fine_sigmas(PAPER_SIGMAS, scores)
    for _ in range(FINE_TRIALS):
        sigma, scores = select_sigma(samples, validation, fine)
        if 0 < scores.argmax() < len(fine) - 1:
            break
        fine = fine_sigmas(fine, scores)  # the best width lies outside the grid
    values, errors = mean_log_likelihoods(samples, test, [coarse, sigma])
    paper, finer = map(Estimate, values.tolist(), errors.tolist(), (coarse, sigma))
    return paper, finer


def evaluate(samples: Examples, data: Data, key: jax.Array) -> list[Score]:
    """The evaluator "parzen": the paper's protocol on the test split, with both grids."""
    validation = data.validation.some(VALIDATION).rows
    scores = []
    for grid, (value, error, sigma) in zip(
        ("paper", "fine"), protocol(samples.rows, validation, data.test.rows), strict=True
    ):
        details = {"sigma": sigma, "validation_examples": len(validation)}
        score = feature_score(f"parzen_{grid}", value, error, samples, data, unit="nats", details=details)
        scores.append(score._replace(features="raw"))
    return scores
