"""`--mode=sample`: examples from a trained generator, as a picture and as an array."""

import io
import pathlib
import zlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan import figures
from jaxgan.errors import UsageError
from jaxgan.io.atomic import atomic_write
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
    step: int | None = None,
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
      step: of the checkpoint; None for the newest.
      condition: those that samples have in turn, as text; None: all classes, or vectors of the training data.
      plain: samples of p_g even where the task has a sheet of its own; that is in the files' name, too.
      overrides: fields of the run's config to set, as text; those that the schema allows.

    Raises:
      UsageError: the directory has no run or no such checkpoint, or the samples cannot be drawn in this way.
      DataError: the checkpoint is damaged, or the data is needed and cannot be read.
    """
    run = asked_for(load_run(workdir, step, overrides, "sample"), condition)
    state, key = run.state, jax.random.key(seed)
    by_discriminator = run.experiment.sampling.by_discriminator
    in_rows = _has_sheet(run) and not plain and not by_discriminator
    values, draw, arrays, how, shows = (_of_the_task if in_rows else _drawn)(run, key, count)
    said = f"_{run.experiment.sampling.method}" if by_discriminator else "_plain" if _has_sheet(run) and plain else ""
    said += "" if condition is None else f"_condition_{_as_name(condition)}"
    stem = run.directory.samples / f"sample_step_{int(state.step):08d}_seed_{seed}{said}"
    picture, array = stem.with_suffix(".png"), stem.with_suffix(".npz")
    try:
        run.directory.samples.mkdir(exist_ok=True)
        draw(picture)
        _save_arrays(array, samples=values, **arrays)
    except OSError as error:
        raise UsageError(
            f"{stem} cannot be written", str(error.strerror), "make room, or change its permissions"
        ) from error
    how = how or ("" if len(values) == count else f"whole rows of the {count} asked for")
    said = f"{len(values)} samples of step {int(state.step):,}{how and f' ({how})'}"
    print(f"{said}: {picture} shows {shows}; {array} holds them all.")


def _as_name(condition: str) -> str:
    """A condition's text as a unique part of a file name: 0.5,-1;1,2 as 0p5_-1__1_2."""
    plain = "".join(condition.split()).lower()
    name = plain.replace(".", "p").replace(",", "_").replace(";", "__")
    return name if len(name) <= NAMED else f"{name[:NAMED]}_{zlib.crc32(plain.encode()):08x}"


class Made(NamedTuple):
    """Generated samples with everything needed to save and describe them."""

    values: np.ndarray
    draw: Callable[[pathlib.Path], None]
    arrays: Mapping[str, Any]
    how: str = ""
    shows: str = "them"


def _drawn(run: TrainedRun, key: jax.Array, count: int) -> Made:
    config, data, experiment = run.config, run.data, run.experiment
    samples, facts = sampler(experiment)(run.state, key, count)
    shown = samples[:SHOWN] if figures.is_image(samples.shape[1:]) else samples
    if (columns := columns_of(experiment, len(shown))) is not None:
        shown = draw_grid(experiment, run.state, key, len(shown))
    options = {"low": data["low"], "high": data["high"], "mixture": mixture_of(data, config)}
    options |= {"columns": columns}
    name = "conditions" if experiment.classes is None else "labels"
    arrays = {} if experiment.conditions is None else {name: experiment.condition(count)}
    if "labels" in arrays and columns is None:
        options["labels"] = np.asarray(arrays["labels"])
    how = in_words(experiment.sampling.method, facts)
    them = "them" if len(shown) == len(samples) else f"the first {len(shown)}"
    shows = them if columns is None else "others, a row of the same latents for each condition"
    return Made(samples, lambda path: figures.save_samples(path, shown, **options), arrays, how, shows)


def _has_sheet(run: TrainedRun) -> bool:
    return run.experiment.task.sheet is not None and figures.is_image(run.experiment.example_shape)


def _of_the_task(run: TrainedRun, key: jax.Array, count: int) -> Made:
    """The samples that the task shows beside test examples."""
    experiment = run.experiment
    inputs = read_inputs(run.config)
    check_same_data(run.data, inputs, run.directory.path)
    shown = SampleGrid(experiment, inputs, key, count)
    assert shown.sheet is not None
    values = shown.samples(run.state)
    return Made(values, lambda path: shown.save(path, values), shown.sheet.arrays)


def _save_arrays(path, **arrays: Any) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: array for name, array in arrays.items() if array is not None})
    atomic_write(path, buffer.getvalue())
