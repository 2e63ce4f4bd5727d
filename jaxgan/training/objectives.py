"""What each player minimises, as a function of its own parameters with the other player fixed.

`discriminator_objective` and `generator_objective` return loss functions for `jaxgan.training.gradients`. Both make
examples from latents, run the discriminator on real and fake examples, and add terms to the loss.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import optax

from jaxgan.training.gradients import LossFunction
from jaxgan.training.latent_optimization import LatentOptimization, squared_distance
from jaxgan.types import (
    BatchShard,
    DiscriminatorInputs,
    DiscriminatorOutput,
    Latent,
    Lazy,
    Loss,
    Metrics,
    Network,
    Penalty,
    Term,
    TermInputs,
    TrainState,
    mean_of,
)


class MisuseError(ValueError):
    """A mistake in an argument, detected in the first step; the message says which."""


class GANSpec(NamedTuple):
    """The fixed parts of a GAN: arguments of `make_train_step` (documented there) that do not change between steps."""

    generator: Network
    discriminator: Network
    loss: Loss
    generator_tx: optax.GradientTransformation
    discriminator_tx: optax.GradientTransformation
    latent: Latent
    penalties: Sequence[Penalty | Lazy] = ()
    axis_name: str | None = None
    accumulation_steps: int = 1
    unrolled_steps: int = 0
    consensus: chex.Numeric | None = None
    terms: Sequence[Term] = ()
    latent_optimization: LatentOptimization | None = None
    condition_prior: Callable[[chex.PRNGKey, int], chex.ArrayTree] | None = None


Keys = dict[str, chex.PRNGKey]
"""One key per use of noise: "generator", "real", "fake"; for the discriminator also "critic" and "penalty"."""


def discriminator_objective(spec: GANSpec, state: TrainState, keys: Keys) -> LossFunction:
    """The discriminator's loss: `spec.loss`, plus penalties, plus terms.

    `state` provides the generator, which is fixed, and the step, which lazy penalties read.
    """

    # The fake examples need no stop_gradient: only the discriminator's parameters are differentiated. Unrolling, and an
    # analysis of the dynamics, differentiate the whole update with respect to the generator's.
    def loss_fn(params, model_state, batch, shard):
        condition, made_condition = batch["condition"], batch["made_condition"]
        variables = {"params": params, **model_state}

        # Fake examples, from the fixed generator.
        generator_variables = state.generator.variables
        latents = _optimized_latents(spec, shard, batch, generator_variables, variables, keys)
        made, _ = shard.apply(spec.generator, generator_variables, latents, keys["generator"], made_condition)
        inputs = _discriminator_inputs(batch["real"], made)

        # The loss.
        conditions = condition, made_condition
        real_output, fake_output, model_state = _discriminate_both(spec, shard, variables, inputs, keys, conditions)
        logits = _compared_logits(spec, shard, real_output, fake_output)
        loss = mean_of([_scalar(spec.loss.discriminator(*pair), "loss.discriminator") for pair in logits])

        # Penalties.
        def discriminate(examples, condition=None):
            return _discriminate(spec, shard, variables, examples, keys["critic"], condition)[0]

        def critic(examples):
            return discriminate(examples, condition).example_logits

        for i, penalty in enumerate(spec.penalties):
            arguments = critic, inputs.real, inputs.fake, jax.random.fold_in(keys["penalty"], i), shard
            loss = _add_penalty(loss, penalty, state.step, arguments)

        # Terms and metrics.
        metrics = jax.tree.map(lambda *values: mean_of(values), *(_metrics(spec, *pair) for pair in logits))
        terms = _terms(spec, "discriminator", shard, batch, real_output, fake_output, discriminate, inputs)
        if spec.latent_optimization is not None:
            metrics["latent_step"] = jnp.linalg.norm(latents - batch["latent"], axis=1).mean()
        return sum(terms.values(), loss), (model_state, metrics | terms)

    return loss_fn


def generator_objective(
    spec: GANSpec, discriminator_variables: Callable[[Any, Any, BatchShard], Any], keys: Keys
) -> LossFunction:
    """The generator's loss: `spec.loss`, plus terms, plus the cost of latent optimization.

    Args:
      discriminator_variables: `(generator's params, batch, shard) -> variables` of the discriminator that the generator
        faces. They depend on the generator's parameters if the discriminator is unrolled.
    """

    def loss_fn(params, model_state, batch, shard):
        condition, made_condition = batch["condition"], batch["made_condition"]
        variables = {"params": params, **model_state}
        opponent = discriminator_variables(params, batch, shard)

        # Fake examples.
        latents = _optimized_latents(spec, shard, batch, variables, opponent, keys)
        made, model_state = shard.apply(spec.generator, variables, latents, keys["generator"], made_condition)
        inputs = _discriminator_inputs(batch["real"], made)

        # The loss.
        real_output, _ = _discriminate(spec, shard, opponent, inputs.real, keys["real"], condition)
        fake_output, _ = _discriminate(spec, shard, opponent, inputs.fake, keys["fake"], made_condition)
        logits = _compared_logits(spec, shard, real_output, fake_output)
        loss = mean_of([_scalar(spec.loss.generator(*pair), "loss.generator") for pair in logits])

        # Terms.
        def discriminate(examples, condition=None):
            return _discriminate(spec, shard, opponent, examples, keys["real"], condition)[0]

        terms = _terms(spec, "generator", shard, batch, real_output, fake_output, discriminate, inputs)
        if spec.latent_optimization is not None:
            loss = loss + spec.latent_optimization.cost * squared_distance(latents, batch["latent"])
        return sum(terms.values(), loss), (model_state, terms)

    return loss_fn


def _optimized_latents(spec: GANSpec, shard: BatchShard, batch, generator, discriminator, keys: Keys) -> chex.Array:
    """The batch's latents after latent optimization, if any; it uses the same noise as the players' own passes."""
    if spec.latent_optimization is None:
        return batch["latent"]

    def logits_of(latents):
        made, _ = shard.apply(spec.generator, generator, latents, keys["generator"], batch["made_condition"])
        fake = _discriminator_inputs(batch["real"], made).fake
        return _discriminate(spec, shard, discriminator, fake, keys["fake"], batch["made_condition"])[0].example_logits

    return spec.latent_optimization.move(batch["latent"], logits_of, spec.latent)


def _discriminator_inputs(real: chex.ArrayTree, made: Any) -> DiscriminatorInputs:
    """The discriminator's inputs: the data and the generator's output, unless the generator makes both sides."""
    if not isinstance(made, DiscriminatorInputs):
        shapes = [jax.tree.map(lambda x: jnp.shape(x)[1:], side) for side in (made, real)]
        if shapes[0] != shapes[1]:
            raise MisuseError(f'the generator makes examples {shapes[0]}, and batch["real"] has examples {shapes[1]}')
        return DiscriminatorInputs(real, made)
    return made if made.real is not None else made._replace(real=real)


def _scalar(value: chex.Array, what: str) -> chex.Array:
    if jnp.shape(value) != ():
        raise MisuseError(f"{what} must return a scalar, got shape {jnp.shape(value)}; take the mean over the batch")
    return value


def _discriminate(
    spec: GANSpec, shard: BatchShard, variables, inputs, key, condition
) -> tuple[DiscriminatorOutput, Any]:
    outputs, model_state = shard.apply(spec.discriminator, variables, inputs, key, condition)
    return DiscriminatorOutput.of(outputs), model_state


def _discriminate_both(
    spec: GANSpec, shard: BatchShard, variables, inputs: DiscriminatorInputs, keys: Keys, conditions
) -> tuple[DiscriminatorOutput, DiscriminatorOutput, Any]:
    """Outputs for real and fake examples, and the model state; computed in one batch if that changes nothing.

    `conditions` are those of the real and the fake examples.
    """
    has_state = len(variables) > 1
    if has_state or not spec.discriminator.independent:
        real_output, state = _discriminate(spec, shard, variables, inputs.real, keys["real"], conditions[0])
        variables = {"params": variables["params"], **state}
        fake_output, state = _discriminate(spec, shard, variables, inputs.fake, keys["fake"], conditions[1])
        return real_output, fake_output, state
    # Half as many products, each twice as large, and one gradient per parameter instead of two to add.
    count = jax.tree.leaves(inputs.real)[0].shape[0]
    both_keys = jnp.concatenate([shard.example_keys(keys["real"], count), shard.example_keys(keys["fake"], count)])
    both_conditions = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *conditions)
    both = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), inputs.real, inputs.fake)
    outputs, state = spec.discriminator.apply(variables, both, condition=both_conditions, key=both_keys, train=True)
    output = DiscriminatorOutput.of(outputs)
    real_output, fake_output = (jax.tree.map(lambda x, i=i: jnp.split(x, 2)[i], output) for i in range(2))
    return real_output, fake_output, state


def _compared_logits(
    spec: GANSpec, shard: BatchShard, real: DiscriminatorOutput, fake: DiscriminatorOutput
) -> list[tuple[chex.Array, chex.Array]]:
    """The real and fake logits that the loss reads, as vectors: a pair for each array that the discriminator returns.

    They are those of all devices if the loss compares examples, else the shard's own.
    """
    real_leaves, fake_leaves = jax.tree.leaves(real.logits), jax.tree.leaves(fake.logits)
    gather = shard.gather if spec.loss.compares else lambda logits: logits
    pairs = zip(real_leaves, fake_leaves, strict=True)
    return [(gather(real).reshape(-1), gather(fake).reshape(-1)) for real, fake in pairs]


def _add_penalty(loss: chex.Array, penalty: Penalty | Lazy, step: chex.Array, arguments) -> chex.Array:
    if not isinstance(penalty, Lazy):
        return loss + _penalty(penalty, *arguments)
    # Steps without the penalty do not compute it, except if members of a population are batched.
    due = step % penalty.interval == 0
    return jax.lax.cond(due, lambda: loss + penalty.interval * _penalty(penalty.penalty, *arguments), lambda: loss)


def _penalty(penalty: Penalty, critic, real, fake, key: chex.PRNGKey, shard: BatchShard) -> chex.Array:
    """The penalty, with draws per example of the global batch if it supports that, else with a key per device."""
    if "shard" in inspect.signature(penalty).parameters:
        value = penalty(critic, real, fake, key, shard=shard)
    else:
        value = penalty(critic, real, fake, shard.key(key))
    return _scalar(value, f"the penalty {getattr(penalty, '__qualname__', penalty)}")


def _terms(
    spec: GANSpec, player: str, shard: BatchShard, batch, real, fake, discriminate, seen: DiscriminatorInputs
) -> Metrics:
    """The sum of a player's terms, as the metric d_terms or g_terms; {} if the player has none."""
    shared = batch["latent"], batch["condition"], spec.latent, shard.axis_name
    inputs = TermInputs(real, fake, *shared, discriminate, seen.extra, batch["made_condition"], seen.real, seen.fake)
    parts = [part for term in spec.terms if (part := getattr(term, player)) is not None]
    values = [_scalar(part(inputs), f"the {player}'s part of a term") for part in parts]
    return {f"{player[0]}_terms": sum(values[1:], values[0])} if values else {}


def _metrics(spec: GANSpec, real_logits: chex.Array, fake_logits: chex.Array) -> Metrics:
    threshold, metrics = spec.loss.threshold, {"d_real_logit": real_logits.mean(), "d_fake_logit": fake_logits.mean()}
    if threshold is not None:
        metrics["d_accuracy"] = ((real_logits > threshold).mean() + (fake_logits < threshold).mean()) / 2
    return metrics if spec.loss.metrics is None else metrics | spec.loss.metrics(real_logits, fake_logits)
