"""An evaluation's pictures: the paper's figures 2 and 3, samples by class or over the true density, and curves."""

import pathlib

import jax
import numpy as np

from jaxgan import figures
from jaxgan.evaluation.nearest import nearest_neighbors
from jaxgan.latents import linear_path, spherical_path
from jaxgan.rng import stream
from jaxgan.runs.evaluate.evaluation import Evaluation, Report
from jaxgan.runs.load import TrainedRun
from jaxgan.training.step import generate
from jaxgan.types import of_norm

ROWS, COLUMNS = 10, 8
"""Of the sheet with the nearest training images."""

PATHS, POINTS = 5, 10
"""Rows of each kind of path in z, and images in a row."""

CLASSES = 40
"""At most so many rows of classes."""


def draw(report: Report, evaluation: Evaluation, run: TrainedRun, stem: pathlib.Path) -> list[pathlib.Path]:
    """The pictures that suit the data, beside the JSON.

    Returns:
      Their paths.
    """
    pictures: dict[str, np.ndarray] = {}
    samples, data = report.samples, evaluation.data
    if figures.is_image(samples.values.shape[1:]):
        shown = samples.values[: ROWS * COLUMNS]
        rows = len(shown) // COLUMNS
        if rows:
            shown = shown[: rows * COLUMNS]
            nearest = nearest_neighbors(shown[COLUMNS - 1 :: COLUMNS], data.train.values).indices
            pictures["nearest"] = figures.nearest_sheet(shown, data.train.values[nearest], columns=COLUMNS)
        pictures["interpolation"] = _interpolation(report, evaluation, run)
        labels, classes = samples.labels, data.classes
        if labels is None and samples.logits is not None and evaluation.features.name == "classifier":
            labels, classes = samples.logits.argmax(1), samples.logits.shape[1]
        if labels is not None and classes is not None:
            pictures["classes"] = figures.class_sheet(samples.values, labels, min(classes, CLASSES))
    paths = []
    for name, picture in pictures.items():
        paths.append(stem.with_name(f"{stem.name}_{name}.png"))
        figures.save_png(paths[-1], picture)
    if not figures.is_image(samples.values.shape[1:]):
        paths.append(stem.with_name(f"{stem.name}_samples.png"))
        mixture, labels = evaluation.inputs.dataset.mixture, samples.labels
        figures.save_samples(paths[-1], samples.values, mixture=mixture, labels=labels)
    return paths


def _interpolation(report: Report, evaluation: Evaluation, run: TrainedRun) -> np.ndarray:
    key = stream(evaluation.latent_key, "interpolations")
    ends = run.experiment.latent.sample(key, 2 * PATHS).reshape(2, PATHS, -1)
    condition = jax.tree.map(lambda leaf: np.repeat(leaf, POINTS, 0), run.experiment.condition(PATHS))
    draw = jax.jit(lambda state, latents: generate(run.experiment.generator, state, latents, condition=condition))
    sheets = []
    for path in (linear_path, spherical_path):
        latents = np.concatenate([np.asarray(path(start, end, POINTS)) for start, end in zip(*ends, strict=True)])
        if (radius := run.experiment.latent.radius) is not None:
            latents = of_norm(latents, radius)
        images = evaluation.to_unit(np.asarray(draw(run.state, latents), np.float32))
        sheets.append(images.reshape(PATHS, POINTS, *images.shape[1:]))
    return figures.interpolation_sheet(*sheets)
