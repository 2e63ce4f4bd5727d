"""Loads generators that `jaxgan.export` wrote as safetensors. `jaxgan.load_exported` is `load_exported`."""

import json
import os
import pathlib

import jax
import jax.numpy as jnp

from jaxgan import extras
from jaxgan.config import complete, schema
from jaxgan.errors import DataError, UsageError, in_one_line
from jaxgan.portable import huggingface
from jaxgan.runs.directory import RunDirectory
from jaxgan.runs.load import TrainedRun, check_known, experiment_of
from jaxgan.runs.saved import LARGEST_FILE, RUN, misfit, wrong_data
from jaxgan.runs.trained import TrainedGAN
from jaxgan.types import PlayerState, TrainState

CONFIG = {"config": {...: object}, "data": RUN["data"], "generator": {"step": int, ...: object}, ...: object}
"""The pattern that `config.json` must match; see `misfit`."""


def load_exported(directory: str | os.PathLike[str]) -> TrainedGAN:
    """Loads a generator that `jaxgan.export` wrote as safetensors: `jaxgan.load_exported(DIR).sample(16, seed=1)`.

    The directory contains only weights and JSON; nothing in it is executed as code.

    Args:
      directory: the directory with `config.json` and `model.safetensors`.

    Returns:
      The same as `load` returns for a run, without the discriminator's parameters. Samples are plain, in float32.

    Raises:
      UsageError: the directory has no generator, its config does not belong to this program, or the package safetensors
        is not installed.
      DataError: a file is damaged.
    """
    place = pathlib.Path(directory)
    path = place / huggingface.CONFIG
    if not path.is_file():
        why, remedy = f"it has no {huggingface.CONFIG}", "name one that --mode=export --forms=safetensors wrote"
        raise UsageError(f"{place} is not an exported generator", why, remedy)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ValueError(f"it is larger than {LARGEST_FILE:,} bytes")
        about = json.loads(path.read_bytes())
        if wrong := misfit(about, CONFIG, "it") or wrong_data(about["data"]):
            raise ValueError(wrong)
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"cannot read {path}", in_one_line(error), "use a whole copy of the directory") from error
    config = complete(about["config"])
    known = schema.rows(config)
    config = schema.replaced(config, {name: known[name].spec.default for name in schema.code(config)})
    check_known(config)
    experiment = experiment_of(config, about["data"])
    template = experiment.abstract_state().generator.variables
    with extras.named():
        variables = dict(huggingface.read_weights(place / huggingface.WEIGHTS, template))
    generator = PlayerState(variables.pop("params"), variables, ())
    step = jnp.asarray(about["generator"]["step"], jnp.int32)
    state = TrainState(step, jax.random.key(0), generator, PlayerState({}, {}, ()))
    return TrainedGAN(TrainedRun(RunDirectory(str(place), create=False), config, about["data"], experiment, state))
