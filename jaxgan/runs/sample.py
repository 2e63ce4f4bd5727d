"""`--mode=sample`: examples from a trained generator, as a picture and as an array."""

import io
from typing import Any

import jax
import numpy as np

from jaxgan import figures
from jaxgan.datasets.mixtures import MIXTURES
from jaxgan.errors import UsageError
from jaxgan.files import write_whole
from jaxgan.runs.sampling import sampler
from jaxgan.runs.trained import load_run

SHOWN = 400
"""At most so many images go into the picture; the array has them all."""


def sample(workdir: str, *, count: int = 100, seed: int = 0, step: int | None = None) -> None:
    """Writes `samples/sample_step_STEP_seed_SEED.png` and `.npz` from one of a run's checkpoints.

    The arrays are "samples", and "labels" where labels are the condition.

    Args:
      workdir: the run's directory.
      count: how many examples, ≥ 1.
      seed: seed of the latents, ≥ 0.
      step: of the checkpoint; None for the newest.

    Raises:
      UsageError: if there is no run, or no checkpoint.
      DataError: if the checkpoint is damaged.
    """
    run = load_run(workdir, step)
    directory, config, data, experiment, state = run.directory, run.config, run.data, run.experiment, run.state
    samples = sampler(experiment)(state, jax.random.key(seed), count)
    stem = directory.samples / f"sample_step_{int(state.step):08d}_seed_{seed}"
    shown = samples[:SHOWN] if figures.is_image(samples.shape[1:]) else samples
    mixture = MIXTURES.get(config["dataset"]["name"])
    picture, array = stem.with_suffix(".png"), stem.with_suffix(".npz")
    try:
        directory.samples.mkdir(exist_ok=True)
        figures.save_samples(picture, shown, low=data["low"], high=data["high"], mixture=mixture)
        _save_arrays(array, samples=samples, labels=experiment.labels(count))
    except OSError as error:
        raise UsageError(
            f"{stem} cannot be written", str(error.strerror), "make room, or mend its permissions"
        ) from error
    print(f"{count} samples of step {int(state.step):,}: {picture} shows {len(shown)}, {array} holds them all.")


def _save_arrays(path, **arrays: Any) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: array for name, array in arrays.items() if array is not None})
    write_whole(path, buffer.getvalue())
