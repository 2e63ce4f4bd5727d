"""Generators that `jaxgan.export` wrote as safetensors, in Python again. `jaxgan.load_exported` is `load_exported`."""

import dataclasses
import json
import os
import pathlib
from typing import Any

import chex
import jax
import numpy as np

from jaxgan.config import Experiment, complete, schema
from jaxgan.errors import DataError, UsageError, in_one_line
from jaxgan.portable import huggingface
from jaxgan.runs.data import parse_condition
from jaxgan.runs.load import check_known, experiment_of
from jaxgan.runs.sampling import sampler
from jaxgan.runs.saved import LARGEST_FILE, RUN, misfit, wrong_data
from jaxgan.training.step import generate
from jaxgan.types import Latent, Network, PlayerState, TrainState

CONFIG = {"config": {...: object}, "data": RUN["data"], "generator": {"step": int, ...: object}, ...: object}
"""The pattern of `config.json`; see `misfit`."""


@dataclasses.dataclass(frozen=True, eq=False)
class ExportedGenerator:
    """A generator from a directory of weights.

    Attributes:
      experiment: the parts of its run.
      state: of which the generator's variables and the step are there.
    """

    experiment: Experiment
    state: TrainState

    @property
    def generator(self) -> Network:
        """The network."""
        return self.experiment.generator

    @property
    def latent(self) -> Latent:
        """The prior of its latents."""
        return self.experiment.latent

    def generate(self, latents: chex.Array, condition: Any = None) -> chex.Array:
        """G(z): samples [n, ...] of latents [n, dim], with conditions [n, ...]; without some, as `sample` has them."""
        condition = self.experiment.condition(len(latents)) if condition is None else condition
        return generate(self.generator, self.state, latents, condition=condition)

    def sample(self, count: int, *, condition: Any = None, seed: int = 0) -> np.ndarray:
        """Samples of the prior, float32 [count, ...]: those of `--mode=sample --seed=SEED` with the plain method.

        Args:
          count: ≥ 1.
          condition: a class, or classes that the samples have in turn; a vector, or vectors [m, dim] in turn. None: all
            classes in turn, or zeros.
          seed: of the latents, ≥ 0.

        Raises:
          UsageError: the generator has no condition, or another one.
        """
        experiment = self.experiment
        if condition is not None:
            rows = np.atleast_1d(condition) if experiment.classes is not None else np.atleast_2d(condition)
            text = (",".join(map(str, row)) if row.ndim else str(row) for row in rows)
            parsed = parse_condition((";" if rows.ndim > 1 else ",").join(text), experiment)
            experiment = experiment.replace(conditions=parsed)
        return sampler(experiment)(self.state, jax.random.key(seed), count).values


def load_exported(directory: str | os.PathLike[str]) -> ExportedGenerator:
    """Loads a generator that `jaxgan.export` wrote as safetensors: weights and JSON, none of which is run as code.

    Args:
      directory: that with `config.json` and `model.safetensors`.

    Raises:
      UsageError: the directory has no generator, or its config is not of this program.
      DataError: a file is damaged.
    """
    place = pathlib.Path(directory)
    path = place / huggingface.CONFIG
    if not path.is_file():
        why, remedy = f"it has no {huggingface.CONFIG}", "name one that --mode=export --forms=safetensors wrote"
        raise UsageError(f"{place} is no exported generator", why, remedy)
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
    variables = dict(huggingface.read_weights(place / huggingface.WEIGHTS, template))
    player = PlayerState(variables.pop("params"), variables, ())
    step = np.asarray(about["generator"]["step"], np.int32)
    return ExportedGenerator(experiment, TrainState(step, jax.random.key(0), player, PlayerState({}, {}, ())))
