"""A trained run in Python: its networks, its state, and samples of its generator. `jaxgan.load` is `load`."""

import dataclasses
import functools
import math
import os
import reprlib
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.config import Experiment
from jaxgan.errors import UsageError
from jaxgan.runs.data import as_conditions
from jaxgan.runs.load import TrainedRun, asked_for, load_run
from jaxgan.runs.sampling import Sampler, sampler
from jaxgan.tasks.completions import STARTS, STEPS, known, latent_searcher
from jaxgan.training.step import generate
from jaxgan.types import Latent, Network, TrainState


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class TrainedGAN:
    """A trained run, as returned by `load`.

    Attributes:
      run: its parts; see `jaxgan.runs.load.TrainedRun`.
    """

    run: TrainedRun

    @property
    def generator(self) -> Network:
        """The generator's network, for one device; `jaxgan.generate(gan.generator, gan.state, latents)` applies it."""
        return self._experiment.generator

    @property
    def discriminator(self) -> Network:
        """The discriminator's network, for one device, with the augmentations and packing used in training.

        Its outputs are `gan.discriminator.apply(gan.state.discriminator.variables, examples, condition=...)[0]`.
        """
        return self._experiment.discriminator

    @property
    def latent(self) -> Latent:
        """The prior p_z(z)."""
        return self._experiment.latent

    @property
    def state(self) -> TrainState:
        """The whole state of the checkpoint: both players and their optimizer states."""
        return self.run.state

    @property
    def step(self) -> int:
        """The number of training steps done."""
        return int(self.state.step)

    @property
    def config(self) -> dict[str, Any]:
        """The run's config: a nested dict of every field."""
        return self.run.config

    @property
    def _experiment(self) -> Experiment:
        return self.run.experiment

    def __repr__(self) -> str:
        config, data = self.config, self.run.data
        size = f"{data['train_examples']:,} examples " if "train_examples" in data else ""
        condition = "" if config["condition"] == "none" else f", condition {config['condition']}"
        players = [
            f"{name} {config[name]['network']} of "
            f"{sum(leaf.size for leaf in jax.tree.leaves(getattr(self.state, name).params)):,} parameters"
            for name in ("generator", "discriminator")
        ]
        return (
            f"TrainedGAN({self.run.directory.path}: {config['dataset']['name']}, {size}{tuple(data['example_shape'])}"
            f"{condition}; {'; '.join(players)}; loss {config['loss']}; step {self.step:,} of {config['steps']:,})"
        )

    def sample(
        self, count: int, *, condition: Any = None, seed: int | None = None, key: chex.PRNGKey | None = None
    ) -> np.ndarray:
        """Samples G(z), z ~ p_z, with the averaged parameters if the run has them, by the run's sampling method.

        They equal those of `--mode=sample --count=COUNT --seed=SEED` bit for bit; for a task with its own rows, such as
        inpainting, those of `--plain`. The first n samples of a seed do not depend on the count, up to rounding.

        Args:
          count: number of samples, ≥ 1.
          condition: for a conditional run: a class, or a sequence of classes that the samples cycle through; or a
            vector [dim], or vectors [m, dim], likewise; with `task="translation"` a view, or views [m, height, width,
            channels], in the networks' range. None: all classes, or vectors or views of the training data, which is
            then read.
          seed: seed of the latents, ≥ 0; 0 if neither a seed nor a key is given.
          key: a typed key, instead of a seed.

        Returns:
          Float32 array [count, ...], in the range of the generator's output.

        Raises:
          UsageError: the run has no condition, or one of another kind; the count, seed or key is invalid; or the
            sampling method does not finish.
          DataError: vectors of the training data are needed, but the data cannot be read.
        """
        if not _is_whole(count, 1):
            raise UsageError(f"sample(count={count!r})", "it is not a number of samples", "give 1 or more")
        if seed is not None and key is not None:
            raise UsageError("sample(seed=..., key=...)", "each of the two gives all draws", "leave one of them out")
        if key is None:
            if not _is_whole(seed := 0 if seed is None else seed, 0, 2**32):
                raise UsageError(
                    f"sample(seed={seed!r})", "it is not a seed", "give a whole number from 0 to 2**32 - 1"
                )
            key = jax.random.key(seed)
        elif not jax.dtypes.issubdtype(getattr(key, "dtype", np.float32), jax.dtypes.prng_key) or key.ndim:
            raise UsageError("sample(key=...)", "it is not one typed key", "give jax.random.key(seed), or seed=")
        return self._sampler(self.state, key, count, self._conditions(condition)).values

    def project(
        self, examples: chex.Array, *, condition: Any = None, seed: int = 0, steps: int = STEPS, starts: int = STARTS
    ) -> np.ndarray:
        """The latents whose samples are nearest to given examples: argmin_z ‖x − G(z)‖², by gradients.

        `jaxgan.generate(gan.generator, gan.state, latents)` draws them again. How near they come measures what the
        generator can draw, not how likely it is. GANs with `task` other than "none" are not supported.

        Args:
          examples: [n, ...], floats in the range of the generator's output.
          condition: for a conditional run: a class or a vector for each example, or one for all of them.
          seed: of the latents from which each search starts.
          steps: Adam steps of a search, ≥ 1.
          starts: searches per example, ≥ 1; the nearest latent of all is kept.

        Returns:
          Float32 array [n, dim], in the range of the prior's draws.

        Raises:
          UsageError: the examples have another shape or no floats, or the condition is missing, or not of this run.

        Source: Yeh et al. 2017 (arXiv:1607.07539), with all values known.
        """
        shape, given = tuple(self.run.data["example_shape"]), jnp.asarray(examples)
        what = f"project(examples {given.dtype} {list(given.shape)})"
        if given.shape[1:] != shape or not len(given) or not jnp.issubdtype(given.dtype, jnp.floating):
            scale = f'jaxgan.RANGES["{self.config["dataset"]["range"]}"].scale(images)'
            remedy = f"give floats [n, {', '.join(map(str, shape))}], such as {scale}"
            raise UsageError(what, "the run has other examples", remedy)
        if self.config["task"] != "none":
            raise UsageError(what, f"the run's generator is of task={self.config['task']}", "project with a plain run")
        if condition is None and self._experiment.conditions is not None:
            raise UsageError(what, "the run is conditional", "give condition=, a class or a vector for each example")
        rows = None
        if condition is not None:
            conditions = self._conditions(condition)
            if conditions is None or len(conditions) not in (1, len(given)):
                count = 0 if conditions is None else len(conditions)
                raise UsageError(what, f"there are {count} conditions", "give one for each example, or one for all")
            rows = np.resize(conditions, (len(given), *conditions.shape[1:]))

        def draw(latents: chex.Array) -> chex.Array:
            return generate(self.generator, self.state, latents, condition=rows)

        search = latent_searcher(draw, self.latent, steps=steps, starts=starts)
        return search(known(given, jnp.ones(given.shape)), jax.random.key(seed))

    @functools.cached_property
    def _sampler(self) -> Sampler:
        return sampler(self._experiment)

    @functools.cached_property
    def _of_the_data(self) -> np.ndarray | None:
        """The conditions of samples if none are requested."""
        return asked_for(self.run, None).experiment.conditions

    def _conditions(self, condition: Any) -> np.ndarray | None:
        """The conditions that samples cycle through."""
        if condition is None:
            return self._of_the_data
        kind = {0: "class", 1: "vector"}.get(len(self._experiment.condition_shape or ()), "picture")
        remedy = f"give a {kind}, or {'an array' if kind == 'picture' else 'a list'} of some"
        return as_conditions(condition, self._experiment, f"sample(condition={reprlib.repr(condition)})", remedy)


def _is_whole(value: Any, low: int, below: float = math.inf) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(low <= value < below)


def load(workdir: str | os.PathLike[str], step: int | str | None = None) -> TrainedGAN:
    """Loads a trained run: `gan = jaxgan.load("runs/quickstart"); images = gan.sample(16, seed=1)`.

    Nothing in the directory is executed as code.

    Args:
      workdir: the directory of a run, or of a member of a sweep, such as `SWEEP/best`.
      step: step of the checkpoint; "best" for the best by the first score evaluated in training; None for the newest.

    Raises:
      UsageError: there is no such run or checkpoint, or its config does not belong to this program.
      DataError: the checkpoint is damaged.
    """
    return TrainedGAN(load_run(os.fspath(workdir), step, mode="sample", whole=True))
