"""Draws samples of a trained generator: in parts, with the config's sampling method, and as a picture."""

import functools
import inspect
import math
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import figures
from jaxgan.config import Experiment
from jaxgan.datasets import order
from jaxgan.errors import UsageError
from jaxgan.runs.data import Inputs
from jaxgan.sampling import TooFewAccepted, discriminate, driven_latents, rejection_rounds
from jaxgan.tasks import Sheet
from jaxgan.training.step import generate, sample
from jaxgan.types import DiscriminatorOutput, TrainState, stream

BATCH = 1_000
"""Number of samples generated at once."""

COLUMNS = 20
"""Maximum number of images in a row of a picture."""


class NoSamplesError(UsageError):
    """The sampling method does not finish."""


class Drawn(NamedTuple):
    """Samples, and facts about how they were drawn.

    Attributes:
      values: [count, ...], float32, in the range of the generator's output.
      facts: numbers by name, such as the acceptance rate; for a part, those of all parts so far.
    """

    values: np.ndarray
    facts: dict[str, float]


Draw = Callable[[TrainState, jax.Array, Any], jax.Array]
"""`(state, latents [n, dim], condition) -> examples [n, ...]`."""

Sampler = Callable[..., Drawn]
"""`(state, key, count, conditions=None) -> Drawn`. The samples cycle through the conditions [m, ...]; None for the
experiment's own."""
SamplerInParts = Callable[..., Iterator[Drawn]]
"""A `Sampler` that returns an iterator over parts of the samples."""


def compile_generator(experiment: Experiment) -> Draw:
    """Compiles the generator of an experiment."""
    return jax.jit(
        lambda state, latents, condition: generate(experiment.generator, state, latents, condition=condition)
    )


def generator_in_parts(experiment: Experiment) -> Callable[[TrainState, jax.Array, Any], np.ndarray]:
    """A `Draw` that returns float32 numpy arrays, computed `BATCH` examples at a time."""
    draw = compile_generator(experiment)

    def examples(state: TrainState, latents: jax.Array, condition: Any) -> np.ndarray:
        parts = []
        for start in range(0, len(latents), BATCH):
            rows = slice(start, start + BATCH)
            given = jax.tree.map(lambda leaf, rows=rows: leaf[rows], (latents, condition))
            parts.append(np.asarray(draw(state, *given), np.float32))
        return np.concatenate(parts)

    return examples


def discriminator_in_parts(experiment: Experiment) -> Callable[[Any, np.ndarray], DiscriminatorOutput]:
    """A function `(variables, examples [n, ...]) -> DiscriminatorOutput` in float32, `BATCH` examples at a time."""

    @jax.jit
    def apply(variables, examples):
        judged, _ = experiment.discriminator.apply(variables, examples, condition=None, train=False)
        return DiscriminatorOutput.of(judged)

    def judgement(variables: Any, examples: np.ndarray) -> DiscriminatorOutput:
        parts = [apply(variables, examples[start : start + BATCH]) for start in range(0, len(examples), BATCH)]
        return jax.tree.map(lambda *leaves: np.concatenate([np.asarray(leaf, np.float32) for leaf in leaves]), *parts)

    return judgement


# --- Sampling methods


def sampler(experiment: Experiment) -> Sampler:
    """A `Sampler`. For a given key, the first n samples do not depend on the count.

    Methods other than "plain" need the state's discriminator. The sampler raises NoSamplesError if rejection accepts
    almost nothing.
    """
    in_parts = sampler_in_parts(experiment)

    def samples(state: TrainState, key: jax.Array, count: int, conditions: np.ndarray | None = None) -> Drawn:
        parts = list(in_parts(state, key, count, conditions))
        return Drawn(np.concatenate([part.values for part in parts]), parts[-1].facts)

    return samples


def sampler_in_parts(experiment: Experiment) -> SamplerInParts:
    """The same samples in parts of at most `BATCH`: `(state, key, count) -> iterator of Drawn`."""
    return _METHODS[experiment.sampling.method](experiment.truncated())


def _plain(experiment: Experiment) -> SamplerInParts:
    draw = jax.jit(
        lambda state, key, size, condition: sample(
            experiment.generator, state, key, size, latent=experiment.latent, condition=condition
        ),
        static_argnums=2,
    )

    def draw_some(state, key, size, first, conditions):
        given = experiment if conditions is None else experiment.replace(conditions=conditions)
        return draw(state, key, size, given.condition(size, first)), None

    return _in_parts(draw_some)


def _optimized(experiment: Experiment) -> SamplerInParts:
    draw = jax.jit(lambda state, key, size: _generate(experiment, state, key, size), static_argnums=2)
    return _in_parts(lambda state, key, size, *_: (draw(state, key, size), None))


def _driven(experiment: Experiment) -> SamplerInParts:
    settings, log_ratio = experiment.sampling, _log_ratio(experiment)

    def draw_some(state, key, size):
        latents, rate = driven_latents(
            lambda latents: log_ratio(state, generate(experiment.generator, state, latents)),
            experiment.latent,
            key,
            size,
            steps=settings.steps,
            step_size=settings.step_size,
            adjusted=settings.adjusted,
        )
        return generate(experiment.generator, state, latents), rate

    draw = jax.jit(draw_some, static_argnums=2)
    return _in_parts(lambda state, key, size, *_: draw(state, key, size))


def _in_parts(draw: Callable[..., tuple[jax.Array, jax.Array | None]]) -> SamplerInParts:
    """Makes a sampler from `draw`: `(state, key, size, number of the first, conditions) -> (samples, acceptance rate or
    None)`."""

    def samples(state: TrainState, key: jax.Array, count: int, conditions: np.ndarray | None = None) -> Iterator[Drawn]:
        rates: list[jax.Array] = []
        for start in range(0, count, BATCH):
            size = min(BATCH, count - start)
            part, rate = draw(state, jax.random.fold_in(key, start), size, start, conditions)
            rates += [] if rate is None else [rate]
            yield Drawn(np.asarray(part, np.float32), {"accepted": float(np.mean(rates))} if rates else {})

    return samples


def _rejection(experiment: Experiment) -> SamplerInParts:
    settings, log_ratio = experiment.sampling, _log_ratio(experiment)

    @jax.jit
    def propose(state, key):
        samples = _generate(experiment, state, key, BATCH)
        return samples, log_ratio(state, samples)

    def samples(state: TrainState, key: jax.Array, count: int, conditions: np.ndarray | None = None) -> Iterator[Drawn]:
        burn_in, percentile, done = settings.burn_in, settings.percentile, 0
        try:
            for found in rejection_rounds(
                functools.partial(propose, state), key, burn_in=burn_in, percentile=percentile
            ):
                values = np.asarray(found.samples, np.float32)[np.asarray(found.kept)][: count - done]
                done += len(values)
                yield Drawn(values, {"accepted": found.accepted / found.candidates, "candidates": found.candidates})
                if done == count:
                    return
        except TooFewAccepted as error:
            raise NoSamplesError(
                f"sampling.method=rejection finds no {count:,} samples at step {int(state.step):,}",
                str(error),
                "raise sampling.percentile, to 80 for example, to accept more, or use sampling.method=driven or plain",
            ) from error

    return samples


def _generate(experiment: Experiment, state: TrainState, key: jax.Array, size: int) -> jax.Array:
    """G(z') with latents optimized as in training, or G(z) without latent optimization."""
    latents = experiment.latent.sample(key, size)
    optimization = experiment.options_at(state.step)["latent_optimization"]

    def logits_of(latents):
        samples = generate(experiment.generator, state, latents)
        return discriminate(experiment.discriminator, state, samples)

    if optimization is not None:
        latents = optimization.move(latents, logits_of, experiment.latent)
    return generate(experiment.generator, state, latents)


def _log_ratio(experiment: Experiment) -> Callable[[TrainState, jax.Array], jax.Array]:
    """`(state, samples) -> log p_d/p_g`, computed with the state's discriminator."""
    of_logits = experiment.sampling.log_ratio
    assert of_logits is not None, "the config was not checked"
    return lambda state, samples: of_logits(discriminate(experiment.discriminator, state, samples))


_METHODS: dict[str, Callable[[Experiment], SamplerInParts]] = {
    "plain": _plain,
    "optimized": _optimized,
    "rejection": _rejection,
    "driven": _driven,
}


def in_words(sampling: Mapping[str, Any], facts: Mapping[str, float]) -> str:
    """The sampling method of `config.sampling` in words; "" for plain samples from the prior."""
    parts = [] if sampling["method"] == "plain" else [f"sampling {sampling['method']}"]
    if parts and "accepted" in facts:
        of = f"{facts['candidates']:,} candidates" if "candidates" in facts else "the steps"
        parts.append(f"{100 * facts['accepted']:.3g} % of {of} accepted")
    if (psi := sampling.get("truncation", 1)) != 1:
        parts.append(f"latents truncated to {psi:g}")
    return ", ".join(parts)


# --- Pictures


class SampleGrid:
    """The picture of a generator's samples, always with the same latents (and, if the task shows examples, the same
    examples). With conditions it has one row per condition, and the same latents in each row.

    Args:
      experiment: the run's parts.
      inputs: the run's data.
      key: draws the latents and all other random values.
      count: maximum number of examples to generate.
      draw: the result of `compile_generator`, if available.
    """

    def __init__(self, experiment: Experiment, inputs: Inputs, key: jax.Array, count: int, draw: Draw | None = None):
        self.range, self.mixture = inputs.range, inputs.dataset.mixture
        self._draw = draw or compile_generator(experiment)
        self.sheet = _sheet(experiment, inputs, key, count)
        self.columns: int | None
        self._labels = None
        if self.sheet is not None:
            self._latents, self._condition, self.columns = self.sheet.latents, self.sheet.condition, self.sheet.columns
            return
        self._latents, self._condition = jax.jit(lambda key: picture_inputs(experiment, key, count))(key)
        self.columns = columns_of(experiment, count)
        if experiment.classes is not None:
            self._labels = np.asarray(self._condition)

    def samples(self, state: TrainState) -> np.ndarray:
        """The generated examples, float32."""
        return np.asarray(self._draw(state, self._latents, self._condition), np.float32)

    def image(self, values: np.ndarray, scale: int | None = 1) -> np.ndarray | None:
        """The picture as an array; None if the examples are not images."""
        if self.sheet is not None:
            values = self.sheet.arrange(values)
        if not figures.is_image(values.shape[1:]):
            return None
        return figures.image_grid(values, columns=self.columns, **self.range._asdict(), scale=scale)

    def save(self, path: pathlib.Path, values: np.ndarray) -> None:
        """Writes the picture."""
        if self.sheet is None:
            shown: dict[str, Any] = {**self.range._asdict(), "columns": self.columns}
            figures.save_samples(path, values, mixture=self.mixture, labels=self._labels, **shown)
        elif (image := self.image(values, scale=None)) is not None:
            figures.save_png(path, image)


def _sheet(experiment: Experiment, inputs: Inputs, key: jax.Array, count: int) -> Sheet | None:
    """The sheet of the run's task; None if the task has none, or the examples are not images."""
    if experiment.task.sheet is None or not figures.is_image(inputs.facts.example_shape):
        return None
    dataset = inputs.dataset
    split = next(split for split in (dataset.test, dataset.validation, dataset.train) if len(split))
    # Random examples, since the data may be sorted by class.
    chosen, given = order.subset("examples", len(split), count), {}
    if inputs.condition == "conditions" and "conditions" in inspect.signature(experiment.task.sheet).parameters:
        given = {"conditions": split.take_condition(chosen, inputs.condition)}
    examples = jax.jit(inputs.range.scale)(split.take(chosen))
    return experiment.task.sheet(key, count, np.asarray(examples), experiment.latent, **given)


def columns_of(experiment: Experiment, count: int) -> int | None:
    """Images per row of a picture of at most `count` samples; None if it does not have a row per condition.

    None for data that is not images, and for runs with fewer than two conditions. If there are more conditions than
    images, the picture is a square with the first conditions.
    """
    rows = _rows(experiment, count)
    return None if rows < 2 or not figures.is_image(experiment.example_shape) else min(count // rows, COLUMNS)


def picture_inputs(
    experiment: Experiment, key: jax.Array, count: int, grid: tuple[int, int] | None = None
) -> tuple[jax.Array, jax.Array | None]:
    """Latents [n, dim], and conditions [n, ...] or None, for at most `count` samples, row by row.

    Args:
      experiment, key, count: the run's parts, the key of the latents, and the maximum number of samples.
      grid: rows (at most the number of conditions) and columns; None for as many as fit.
    """
    if grid is None and (fitting := columns_of(experiment, count)) is not None:
        grid = _rows(experiment, count), fitting
    if grid is None:
        return experiment.latent.sample(key, count), experiment.condition(count)
    rows, columns = grid
    condition = experiment.condition(rows)
    assert condition is not None
    latents = experiment.latent.sample(key, columns)
    return jnp.tile(latents, (rows, 1)), jnp.repeat(condition, columns, axis=0)


def draw_grid(
    experiment: Experiment, state: TrainState, key: jax.Array, count: int, grid: tuple[int, int] | None = None
) -> np.ndarray:
    """The samples of a picture with one row per condition, [n, ...] float32, drawn with their own latents."""

    experiment = experiment.truncated()

    @jax.jit
    def draw(state, key):
        latents, condition = picture_inputs(experiment, stream(key, "condition_grid"), count, grid)
        return generate(experiment.generator, state, latents, condition=condition)

    return np.asarray(draw(state, key), np.float32)


def _rows(experiment: Experiment, count: int) -> int:
    conditions = 0 if experiment.conditions is None else len(experiment.conditions)
    return conditions if conditions <= count else math.isqrt(count)
