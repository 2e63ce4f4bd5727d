"""Algorithm 1 of Goodfellow et al. 2014 as pure functions.

One training step makes k discriminator updates, each on a fresh minibatch and fresh latents with the generator fixed,
then updates the generator against the *updated* discriminator. A player's update leaves the other's parameters and
model state untouched. Nothing here names jit or a device; `jaxgan.parallel` maps the step.
"""

from collections.abc import Callable, Sequence

import chex
import jax
import jax.numpy as jnp
import optax

from jaxgan.training.coordination import Coordination, coordinate
from jaxgan.training.extragradient import extragradient_updates
from jaxgan.training.game import Game
from jaxgan.training.init import init_state, start_average
from jaxgan.training.latent_optimization import LatentOptimization
from jaxgan.training.updates import discriminator_update, generator_update
from jaxgan.training.validation import check_condition, check_counts, check_dynamics, check_parts, check_terms
from jaxgan.types import Batch, Latent, Lazy, Loss, Metrics, Network, Penalty, Term, TrainState

TrainStep = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]


def make_train_step(
    *,
    generator: Network,
    discriminator: Network,
    loss: Loss,
    generator_tx: optax.GradientTransformation,
    discriminator_tx: optax.GradientTransformation,
    latent: Latent,
    discriminator_steps: int = 1,
    generator_steps: int = 1,
    penalties: Sequence[Penalty | Lazy] = (),
    average_decay: float | None = None,
    accumulation_steps: int = 1,
    unrolled_steps: int = 0,
    coordination: Coordination | None = None,
    consensus: chex.Numeric | None = None,
    extragradient: bool = False,
    terms: Sequence[Term] = (),
    latent_optimization: LatentOptimization | None = None,
    axis_name: str | None = None,
) -> TrainStep:
    """Builds `train_step(state, batch) -> (state, metrics)`: one iteration of Algorithm 1.

    Args:
      generator, discriminator: the two players.
      loss: one of `LOSSES`, or any pair of functions of (real_logits, fake_logits).
      generator_tx, discriminator_tx: optax gradient transformations, as given to `init_state`.
      latent: the prior p_z(z).
      discriminator_steps: k ≥ 1, discriminator updates per step, each on its own minibatch `batch["real"][j]`.
      generator_steps: generator updates per step, ≥ 1, each on fresh latents.
      penalties: functions `(critic, real, fake, key) -> scalar` added to the discriminator's loss, see
        `jaxgan.losses.penalties`.
      average_decay: decay β in [0, 1) of the moving average ā ← β·ā + (1 − β)·θ_g, taken once per step; None for none.
      accumulation_steps: parts in which each device computes its batch, one after another, for batches that do not fit;
        losses, metrics and gradients are means over the parts. Where the loss is a mean over examples this is what the
        whole batch gives, up to rounding; batch statistics, penalties' draws, networks without keys per example, and
        losses that compare examples, see a part at a time.
      unrolled_steps: m ≥ 0: the generator descends its loss against the discriminator as it would be m updates later
        (with its own optimizer, on the same minibatch), and its gradient goes through these updates.
      coordination: which of the k discriminator updates are made, see `Coordination`; None: all of them.
      consensus: γ ≥ 0: each update also descends γ·½‖v‖², v the gradients of both players' losses at the parameters,
        on the minibatch and the latents of that update, see `jaxgan.training.consensus`; None or 0: it does not.
      extragradient: instead of Algorithm 1 both players move at once, by their gradients at where a first step of both
        leads, see `jaxgan.training.extragradient`; one update each, and two of their optimizers' counts, in a step.
      terms: further parts of both players' losses, of features, class logits, latents or labels, see
        `jaxgan.losses.terms`; the metrics `d_terms` and `g_terms` are their sums.
      latent_optimization: moves the latents of both players' updates, see `LatentOptimization`; None: they stay.
      axis_name: name of the device axis when the step runs under pmap or shard_map.

    Returns:
      A pure function. `batch` is `{"real": [k, batch, ...]}` with `"condition": [k, batch, ...]` if there is one;
      metrics are scalars, the discriminator's averaged over its k updates and the generator's over its own.

    Raises:
      ValueError: if a count is below 1, `average_decay` lies outside [0, 1), the loss is a name, `penalties` or `terms`
        is no sequence, or what is asked for cannot be together.
    """
    check_counts(discriminator_steps, generator_steps, accumulation_steps, unrolled_steps)
    check_parts(loss, penalties, latent, average_decay)
    check_terms(terms)
    players = generator, discriminator, loss, generator_tx, discriminator_tx, latent
    weight = None if isinstance(consensus, int | float) and consensus == 0 else consensus
    options = tuple(penalties), axis_name, accumulation_steps, unrolled_steps, weight, tuple(terms)
    game = Game(*players, *options, latent_optimization)
    check_dynamics(game, extragradient, discriminator_steps, generator_steps, coordination)

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        _check_batch(batch, discriminator_steps)
        if average_decay is not None:
            state = start_average(state)
        key = jax.random.fold_in(state.key, state.step)
        minibatches = {name: leaf for name, leaf in batch.items() if leaf is not None}
        discriminator, generator_player, metrics = play(state, key, minibatches)
        state = state.replace(step=state.step + 1, generator=generator_player, discriminator=discriminator)
        if average_decay is not None:
            state = state.replace(average_params=_move_average(state, average_decay))
        return state, metrics

    def alternate(state, key, minibatches):
        keys = jax.random.split(key)
        discriminator_keys = jax.random.split(keys[0], discriminator_steps)
        generator_keys = jax.random.split(keys[1], generator_steps)
        last = jax.tree.map(lambda x: x[-1], minibatches)

        def update_discriminator(player, inputs):
            key, minibatch = inputs
            current = state.replace(discriminator=player)
            return discriminator_update(game, current, key, minibatch["real"], minibatch.get("condition"))

        updates = update_discriminator, state.discriminator, (discriminator_keys, minibatches)
        if coordination is None:
            discriminator, d_metrics = jax.lax.scan(*updates)
            d_metrics = jax.tree.map(jnp.mean, d_metrics)
        else:
            discriminator, d_metrics = coordinate(coordination, state.step, *updates)

        def update_generator(player, key):
            current = state.replace(generator=player, discriminator=discriminator)
            return generator_update(game, current, key, last["real"], last.get("condition"))

        generator_player, g_metrics = jax.lax.scan(update_generator, state.generator, generator_keys)
        return discriminator, generator_player, d_metrics | jax.tree.map(jnp.mean, g_metrics)

    def together(state, key, minibatches):
        minibatch = jax.tree.map(lambda x: x[0], minibatches)
        return extragradient_updates(game, state, key, minibatch["real"], minibatch.get("condition"))

    play = together if extragradient else alternate
    train_step.keeps_average = average_decay is not None  # type: ignore[attr-defined]
    return train_step


def scan_steps(train_step: TrainStep) -> TrainStep:
    """Many steps in one compiled loop: n scanned steps equal n single ones.

    Args:
      train_step: `(state, batch) -> (state, metrics)`.

    Returns:
      `(state, batches) -> (state, metrics)`, where the leaves of `batches` are [steps, k, batch, ...] and those of
      `metrics` [steps].
    """

    def steps(state: TrainState, batches: Batch) -> tuple[TrainState, Metrics]:
        if getattr(train_step, "keeps_average", False):
            state = start_average(state)  # a loop's carry cannot gain a field on the way

        def step(state, batch):
            after, metrics = train_step(state, batch)
            if (after.average_params is None) != (state.average_params is None):
                raise ValueError("the step keeps an average and the state has none; use init_state(..., average=True)")
            return after, metrics

        return jax.lax.scan(step, state, batches)

    return steps


def sample(
    generator: Network,
    state: TrainState,
    key: chex.PRNGKey,
    count: int,
    *,
    latent: Latent,
    condition: chex.ArrayTree | None = None,
) -> chex.Array:
    """Generated examples G(z), z ~ p_z, from the averaged parameters if the state has them.

    Args:
      generator: the generator's network.
      state: a `TrainState`, or anything with its `generator` and `average_params`.
      key: draws the latents.
      count: how many.
      latent: the prior p_z(z).
      condition: [count, ...], or None.

    Returns:
      [count, ...], in the range of the generator's output.

    Raises:
      ValueError: there are not as many conditions.
    """
    return generate(generator, state, latent.sample(key, count), condition=condition)


def generate(
    generator: Network, state: TrainState, latents: chex.Array, *, condition: chex.ArrayTree | None = None
) -> chex.Array:
    """G(z) for given latents [count, dim], from the averaged parameters if the state has them; `sample` draws them."""
    check_condition(condition, latents.shape[:1], "condition")
    params = state.generator.params if state.average_params is None else state.average_params
    variables = {"params": params, **state.generator.model_state}
    return generator.apply(variables, latents, condition=condition, train=False)[0]


def _check_batch(batch: Batch, discriminator_steps: int) -> None:
    if batch.get("real") is None:
        there = sorted(name for name, leaf in batch.items() if leaf is not None)
        raise ValueError(f'batch must have an entry "real" [k, batch, ...], got {there}')
    shape = jnp.shape(batch["real"])
    if len(shape) < 2 or shape[0] != discriminator_steps:
        raise ValueError(
            f'batch["real"] must be [k, batch, ...] with k = discriminator_steps = {discriminator_steps}, got shape '
            f"{shape}; stack one minibatch per discriminator update along a leading axis"
        )
    check_condition(batch.get("condition"), shape[:2], 'batch["condition"]')


def _move_average(state: TrainState, decay: float) -> chex.ArrayTree:
    return optax.incremental_update(state.generator.params, state.average_params, 1 - decay)


__all__ = [
    "Game",
    "Metrics",
    "Penalty",
    "Term",
    "TrainStep",
    "discriminator_update",
    "generate",
    "generator_update",
    "init_state",
    "make_train_step",
    "sample",
    "scan_steps",
    "start_average",
]
