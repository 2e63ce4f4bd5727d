"""Samples of a trained generator, in parts, by the sampling method of its config."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan.config import Experiment
from jaxgan.errors import UsageError
from jaxgan.sampling import TooFewAccepted, discriminate, driven_latents, rejection_sample
from jaxgan.training.step import generate, sample
from jaxgan.types import DiscriminatorOutput, TrainState

BATCH = 1_000
"""Samples generated at once."""


class Drawn(NamedTuple):
    """Samples, and facts about how they were drawn.

    Attributes:
      values: [count, ...], float32, in the range of the generator's output.
      facts: numbers by name, such as the accepted fraction.
    """

    values: np.ndarray
    facts: dict[str, float]


class NoSamplesError(UsageError):
    """The sampling method does not finish."""


Sampler = Callable[[TrainState, jax.Array, int], Drawn]
CompiledGenerator = Callable[[TrainState, jax.Array, Any], np.ndarray]


def compiled_generator(experiment: Experiment) -> CompiledGenerator:
    """A function `(state, latents [n, dim], condition) -> examples [n, ...]`, float32, computed in parts."""
    draw = jax.jit(
        lambda state, latents, condition: generate(experiment.generator, state, latents, condition=condition)
    )

    def examples(state: TrainState, latents: jax.Array, condition: Any) -> np.ndarray:
        parts = []
        for start in range(0, len(latents), BATCH):
            rows = slice(start, start + BATCH)
            given = jax.tree.map(lambda leaf, rows=rows: leaf[rows], (latents, condition))
            parts.append(np.asarray(draw(state, *given), np.float32))
        return np.concatenate(parts)

    return examples


def compiled_discriminator(experiment: Experiment) -> Callable[[Any, np.ndarray], DiscriminatorOutput]:
    """A function `(variables, examples [n, ...]) -> DiscriminatorOutput`, float32, by a discriminator, in parts."""

    def judge(variables, examples):
        judged, _ = experiment.discriminator.apply(variables, examples, condition=None, train=False)
        return judged if isinstance(judged, DiscriminatorOutput) else DiscriminatorOutput(judged)

    apply = jax.jit(judge)

    def judgement(variables: Any, examples: np.ndarray) -> DiscriminatorOutput:
        parts = [apply(variables, examples[start : start + BATCH]) for start in range(0, len(examples), BATCH)]
        return jax.tree.map(lambda *leaves: np.concatenate([np.asarray(leaf, np.float32) for leaf in leaves]), *parts)

    return judgement


def sampler(experiment: Experiment) -> Sampler:
    """A function `(state, key, count) -> Drawn`; the first n samples of a key do not depend on the count.

    Methods other than "plain" need the state's discriminator. The function raises NoSamplesError if rejection accepts
    almost nothing.
    """
    return _METHODS[experiment.sampling.method](experiment)


def _plain(experiment: Experiment) -> Sampler:
    draw = jax.jit(
        lambda state, key, size, condition: sample(
            experiment.generator, state, key, size, latent=experiment.latent, condition=condition
        ),
        static_argnums=2,
    )
    return lambda state, key, count: Drawn(_in_parts(draw, state, key, count, experiment.condition), {})


def _in_parts(
    draw: Callable[..., jax.Array],
    state: TrainState,
    key: jax.Array,
    count: int,
    condition: Callable[[int, int], Any] | None = None,
) -> np.ndarray:
    def part(start: int, size: int) -> np.ndarray:
        given = () if condition is None else (condition(size, start),)
        return np.asarray(draw(state, jax.random.fold_in(key, start), size, *given), np.float32)

    return np.concatenate([part(start, min(BATCH, count - start)) for start in range(0, count, BATCH)])


def _optimized(experiment: Experiment) -> Sampler:
    draw = jax.jit(functools.partial(_draw, experiment), static_argnums=2)
    return lambda state, key, count: Drawn(_in_parts(draw, state, key, count), {})


def _draw(experiment: Experiment, state: TrainState, key: jax.Array, size: int) -> jax.Array:
    """G(z') with latents moved as in training, or G(z) without latent optimisation."""
    latents, optimization = experiment.latent.sample(key, size), experiment.options["latent_optimization"]

    def logits_of(latents):
        samples = generate(experiment.generator, state, latents)
        return discriminate(experiment.discriminator, state, samples)

    if optimization is not None:
        latents = optimization.move(latents, logits_of, experiment.latent)
    return generate(experiment.generator, state, latents)


def _rejection(experiment: Experiment) -> Sampler:
    settings, log_ratio = experiment.sampling, _log_ratio(experiment)

    @jax.jit
    def propose(state, key):
        samples = _draw(experiment, state, key, BATCH)
        return samples, log_ratio(state, samples)

    def samples(state: TrainState, key: jax.Array, count: int) -> Drawn:
        try:
            found = rejection_sample(
                lambda key: propose(state, key),
                key,
                count,
                burn_in=settings.burn_in,
                percentile=settings.percentile,
            )
        except TooFewAccepted as error:
            raise NoSamplesError(
                f"sampling.method=rejection finds no {count:,} samples at step {int(state.step):,}",
                str(error),
                "raise sampling.percentile, to 80 for example, to accept more, or use sampling.method=driven or plain",
            ) from error
        return Drawn(np.asarray(found.samples, np.float32), {"accepted": found.rate, "candidates": found.candidates})

    return samples


def _driven(experiment: Experiment) -> Sampler:
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

    def samples(state: TrainState, key: jax.Array, count: int) -> Drawn:
        starts = range(0, count, BATCH)
        parts = [draw(state, jax.random.fold_in(key, start), min(BATCH, count - start)) for start in starts]
        accepted = float(np.mean([rate for _, rate in parts]))
        return Drawn(np.concatenate([np.asarray(part, np.float32) for part, _ in parts]), {"accepted": accepted})

    return samples


def _log_ratio(experiment: Experiment) -> Callable[[TrainState, jax.Array], jax.Array]:
    """`(state, samples) -> log p_d/p_g`, by the state's discriminator."""
    of_logits = experiment.sampling.log_ratio
    assert of_logits is not None, "the config was not checked"
    return lambda state, samples: of_logits(discriminate(experiment.discriminator, state, samples))


_METHODS: dict[str, Callable[[Experiment], Sampler]] = {
    "plain": _plain,
    "optimized": _optimized,
    "rejection": _rejection,
    "driven": _driven,
}


def in_words(method: str, facts: Mapping[str, float]) -> str:
    """How samples were drawn, in words; "" for the plain method."""
    if method == "plain":
        return ""
    if "accepted" not in facts:
        return f"sampling {method}"
    accepted = f"{100 * facts['accepted']:.3g} % of " + (
        f"{facts['candidates']:,} candidates accepted" if "candidates" in facts else "the steps accepted"
    )
    return f"sampling {method}, {accepted}"
