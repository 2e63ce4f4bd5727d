"""`--mode=sample`: examples from a trained generator, as a picture and as an array."""

import io
import re
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxgan import figures
from jaxgan.datasets.mixtures import MIXTURES
from jaxgan.errors import UsageError
from jaxgan.files import write_whole
from jaxgan.runs.grids import columns_of, draw_grid
from jaxgan.runs.sampling import in_words, sampler
from jaxgan.runs.trained import asked_for, load_run

SHOWN = 400
"""At most so many images go into the picture; the array has them all."""

NAMED = 60
"""At most so many letters of a condition are in the files' name."""

MAY_SET = ("sampling.",)
"""Fields of the config that samples may have otherwise than the run."""


def sample(
    workdir: str,
    *,
    count: int = 100,
    seed: int = 0,
    step: int | None = None,
    condition: str | None = None,
    overrides: Mapping[str, str] = {},
) -> None:
    """Writes `samples/sample_step_STEP_seed_SEED.png` and `.npz` from one of a run's checkpoints.

    A condition that is given is in the name too, and so is the method of samples that are not drawn the plain way. The
    arrays are "samples", and "labels" or "conditions" where these are the condition. Where there are several, the
    picture has a row for each, of the same latents, which are not those of the arrays.

    Args:
      workdir: the run's directory.
      count: how many examples, ≥ 1.
      seed: seed of the latents, ≥ 0.
      step: of the checkpoint; None for the newest.
      condition: those that samples have in turn, as text; None: all classes, or vectors of the training data.
      overrides: fields of the run's config to set, as text; those of `MAY_SET`.

    Raises:
      UsageError: if there is no run, or no checkpoint, or the samples cannot be drawn so.
      DataError: if the checkpoint is damaged, or the data has to be read and cannot be.
    """
    run = asked_for(load_run(workdir, step, overrides, MAY_SET), condition)
    directory, config, data, experiment, state = run.directory, run.config, run.data, run.experiment, run.state
    samples, facts = sampler(experiment)(state, jax.random.key(seed), count)
    method = experiment.sampling.method
    said = f"_{method}" if experiment.sampling.by_discriminator else ""
    said += "" if condition is None else "_condition_" + re.sub(r"[^\d-]+", "_", condition)[:NAMED]
    stem = directory.samples / f"sample_step_{int(state.step):08d}_seed_{seed}{said}"
    shown = samples[:SHOWN] if figures.is_image(samples.shape[1:]) else samples
    if (columns := columns_of(experiment, len(shown))) is not None:
        shown = draw_grid(experiment, state, jax.random.key(seed), len(shown))
    mixture = MIXTURES.get(config["dataset"]["name"])
    picture, array = stem.with_suffix(".png"), stem.with_suffix(".npz")
    try:
        directory.samples.mkdir(exist_ok=True)
        figures.save_samples(picture, shown, low=data["low"], high=data["high"], mixture=mixture, columns=columns)
        conditions = {"conditions" if experiment.classes is None else "labels": experiment.condition(count)}
        _save_arrays(array, samples=samples, **conditions)
    except OSError as error:
        raise UsageError(
            f"{stem} cannot be written", str(error.strerror), "make room, or mend its permissions"
        ) from error
    how = in_words(method, facts) and f" ({in_words(method, facts)})"
    print(f"{count} samples of step {int(state.step):,}{how}: {picture} shows {len(shown)}, {array} holds them all.")


def _save_arrays(path, **arrays: Any) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: array for name, array in arrays.items() if array is not None})
    write_whole(path, buffer.getvalue())
