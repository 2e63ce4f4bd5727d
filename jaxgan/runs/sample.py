"""`--mode=sample`: examples from a trained generator, as a picture and as an array."""

import functools
import io
import pathlib
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from jaxgan import figures
from jaxgan.io.atomic import atomic_write, reported
from jaxgan.runs.data import check_same_data, mixture_of, read_inputs
from jaxgan.runs.load import TrainedRun, asked_for, load_run
from jaxgan.runs.sampling import SampleGrid, columns_of, draw_grid, in_words, sampler

SHOWN = 400
"""Most images in the picture; the array has all of them."""

NAMED = 60
"""Most letters of a condition in the name of a file; a longer one is cut and has a checksum."""


def sample(
    workdir: str,
    *,
    count: int = 100,
    seed: int = 0,
    step: int | str | None = None,
    condition: str | None = None,
    plain: bool = False,
    overrides: Mapping[str, str] = {},
) -> None:
    """Writes `samples/sample_step_STEP_seed_SEED.png` and `.npz` from one of a run's checkpoints.

    The name also has the condition, if it is given, and the sampling method, if it is not "plain". The arrays are
    "samples", in a conditional run "labels" or "conditions", and those that the run's task shows beside the samples.
    With several conditions the picture has a row for each, of the same latents; these latents are not those of the
    arrays.

    Args:
      workdir: the run's directory.
      count: number of examples, ≥ 1; if the task shows them in rows, as many rows as they fill.
      seed: seed of the latents, ≥ 0.
      step: of the checkpoint; see `load_run`.
      condition: those that samples have in turn, as text; None: all classes, or vectors of the training data.
      plain: samples of p_g even where the task has a sheet of its own; that is in the files' name, too.
      overrides: fields of the run's config to set, as text; those that the schema allows.

    Raises:
      UsageError: the directory has no run or no such checkpoint, or the samples cannot be drawn in this way.
      DataError: the checkpoint is damaged, or the data is needed and cannot be read.
    """
    run = asked_for(load_run(workdir, step, overrides, "sample"), condition)
    experiment, state, key = run.experiment, run.state, jax.random.key(seed)
    method = experiment.sampling.method
    has_sheet = experiment.task.sheet is not None and figures.is_image(experiment.example_shape)
    draw: Callable[[pathlib.Path], None]
    arrays: Mapping[str, Any]
    # The samples, and a function that draws their picture: that of the task beside test examples, or plain samples.
    if has_sheet and not plain and method == "plain":
        inputs = read_inputs(run.config)
        check_same_data(run.data, inputs, run.directory.path)
        grid = SampleGrid(experiment, inputs, key, count)
        assert grid.sheet is not None
        values = grid.samples(state)
        draw, arrays, shows = functools.partial(grid.save, values=values), grid.sheet.arrays, "them"
        how = "" if len(values) == count else f"whole rows of the {count} asked for"
    else:
        values, facts = sampler(experiment)(state, key, count)
        draw, arrays, shows = plain_picture(run, key, values)
        how = in_words(method, facts)
    # The files.
    name = f"_{method}" if method != "plain" else "_plain" if has_sheet and plain else ""
    name += "" if condition is None else f"_condition_{_as_file_name(condition)}"
    stem = run.directory.samples / f"sample_step_{int(state.step):08d}_seed_{seed}{name}"
    picture, archive, buffer = stem.with_suffix(".png"), stem.with_suffix(".npz"), io.BytesIO()
    saved: dict[str, Any] = {"samples": values} | {n: array for n, array in arrays.items() if array is not None}
    np.savez_compressed(buffer, **saved)
    with reported(stem):
        run.directory.samples.mkdir(exist_ok=True)
        draw(picture)
        atomic_write(archive, buffer.getvalue())
    said = f"{len(values)} samples of step {int(state.step):,}{how and f' ({how})'}"
    print(f"{said}: {picture} shows {shows}; {archive} holds them all.")


def _as_file_name(condition: str) -> str:
    """A condition's text as a unique part of a file name: 0.5,-1;1,2 as 0p5_-1__1_2."""
    plain = "".join(condition.split()).lower()
    name = plain.replace(".", "p").replace(",", "_").replace(";", "__")
    return name if len(name) <= NAMED else f"{name[:NAMED]}_{zlib.crc32(plain.encode()):08x}"


def plain_picture(
    run: TrainedRun, key: jax.Array, samples: np.ndarray
) -> tuple[Callable[[pathlib.Path], None], Mapping[str, Any], str]:
    """A function that draws the picture, the arrays saved with the samples, and what the picture shows in words."""
    data, experiment = run.data, run.experiment
    shown = samples[:SHOWN] if figures.is_image(samples.shape[1:]) else samples
    shows = "them" if len(shown) == len(samples) else f"the first {len(shown)}"
    if (columns := columns_of(experiment, len(shown))) is not None:
        shown = draw_grid(experiment, run.state, key, len(shown))
        shows = "others, a row of the same latents for each condition"
    name = "conditions" if experiment.classes is None else "labels"
    arrays = {} if experiment.conditions is None else {name: experiment.condition(len(samples))}
    labels = np.asarray(arrays["labels"]) if "labels" in arrays and columns is None else None
    options = {"low": data["low"], "high": data["high"], "mixture": mixture_of(data, run.config), "columns": columns}
    return lambda path: figures.save_samples(path, shown, labels=labels, **options), arrays, shows
