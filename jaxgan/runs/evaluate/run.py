"""`--mode=evaluate`: prints scores beside those of real data, and writes them as JSON, with pictures."""

import functools
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxgan import figures
from jaxgan.evaluation.nearest import nearest_neighbors
from jaxgan.io.atomic import OUTPUT, local_path, made_folder, write_json
from jaxgan.io.metric_writers import Progress
from jaxgan.latents import linear_path, spherical_path
from jaxgan.runs.data import check_same_data, read_inputs
from jaxgan.runs.evaluate.evaluation import Evaluation, Parts, Report, to_json
from jaxgan.runs.evaluate.report import write_report
from jaxgan.runs.evaluate.tables import as_text
from jaxgan.runs.load import TrainedRun, load_run
from jaxgan.signals import located
from jaxgan.training.step import generate
from jaxgan.types import of_norm, stream

ROWS, COLUMNS = 10, 8
"""Size of the sheet of samples with their nearest training images."""

PATHS, POINTS = 5, 10
"""Rows per kind of latent path, and images per row."""

QUIET = 5.0
"""An evaluation that takes fewer seconds shows no progress."""

CLASSES = 40
"""Maximum number of class rows."""


def evaluate(
    workdir: str,
    *,
    seed: int = 0,
    step: int | str | None = None,
    output: str | None = None,
    overrides: Mapping[str, str] = {},
    given: Mapping[str, Any] = {},
) -> None:
    """Writes `evaluation/step_STEP_seed_SEED.json` with pictures, and the report, and prints the scores.

    Args:
      workdir: the run's directory.
      seed: seed of the latents, ≥ 0.
      step: step of the checkpoint; see `load_run`.
      output: a directory for all files; None for the run's own.
      overrides: fields of the run's config to set, as text; only those that the schema allows.
      given: the caller's config; code that it names is run if the run's config names it too.

    Raises:
      JaxganError: any expected failure.
    """
    run = load_run(workdir, step, overrides, "evaluate", given)
    folder = run.directory.evaluation if output is None else local_path(output, "--output=")
    made_folder(folder, OUTPUT)
    inputs = read_inputs(run.config)
    check_same_data(run.data, inputs, run.directory.path)
    if inputs.facts.vectors is not None:
        run = run._replace(experiment=run.experiment.replace(conditions=inputs.facts.vectors))
    log = functools.partial(print, file=sys.stderr, flush=True)
    with Progress(0, unit="part", quiet=QUIET) as progress:

        def show(done: int, total: int, name: str, seconds_left: float | None) -> None:
            progress.total = total
            progress.update(done, note=name, seconds_left=seconds_left)

        parts = Parts(show)
        with located(lambda: f" after {parts.done} of {parts.total} parts of the evaluation" if parts.total else ""):
            evaluation = Evaluation(run.config, inputs, run.experiment, seed, log, parts)
            report = evaluation.run(run.state)
    path = folder / run.directory.evaluation_file(report.step, report.seed, report.way).name
    instead = " in place of the scores that were there" if path.exists() else ""
    pictures = draw(report, evaluation, run, path.with_suffix(""))
    content = to_json(report, evaluation, run.directory.path.name, pictures)
    write_json(path, content)
    page = write_report(run.directory, path, None if output is None else folder, run)
    train = evaluation.data.train
    part = f"training data: {len(train):,} of {train.of:,} examples were read for this"
    print(as_text(content, str(run.directory.path), [part] if len(train) < train.of else []))
    print(f"Written: {', '.join([str(path), *(picture.name for picture in pictures)])}{instead}; {page}")


def draw(report: Report, evaluation: Evaluation, run: TrainedRun, stem: pathlib.Path) -> list[pathlib.Path]:
    """Writes the pictures that suit the data beside the JSON file, and returns their paths."""
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
