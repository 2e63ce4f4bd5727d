"""One player's update with the other fixed: the two halves of a training step.

What a player's update returns is that player's state alone, so the other's parameters and model state cannot change.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import optax

from jaxgan.descent import Rows, descend, varying
from jaxgan.latents import Latent
from jaxgan.losses import Loss
from jaxgan.state import Judgement, Network, PerExample, PlayerState, TrainState

Metrics = dict[str, chex.Array]
Penalty = Callable[..., chex.Array]
"""`(critic, real, fake, key) -> scalar` added to the discriminator's loss; `critic(examples) -> logits [batch]`."""


@dataclasses.dataclass(frozen=True)
class Lazy:
    """A penalty in every `interval`-th step alone, multiplied by `interval`; see `jaxgan.penalties.lazy`."""

    penalty: Penalty
    interval: int


class Game(NamedTuple):
    """The fixed parts of a GAN: everything a step needs beside the state and the data.

    Attributes:
      generator, discriminator: the two `Network`s.
      loss: the two players' objectives.
      generator_tx, discriminator_tx: optax gradient transformations.
      latent: the prior p_z(z).
      penalties: terms added to the discriminator's loss, or some of them `Lazy`.
      axis_name: name of the mapped device axis over which gradients are averaged; None on one device.
      accumulation_steps: parts in which a device computes its batch, one after another; their gradients are averaged.
      unrolled_steps: updates of the discriminator that the generator looks ahead through.
    """

    generator: Network
    discriminator: Network
    loss: Loss
    generator_tx: optax.GradientTransformation
    discriminator_tx: optax.GradientTransformation
    latent: Latent
    penalties: tuple[Penalty | Lazy, ...] = ()
    axis_name: str | None = None
    accumulation_steps: int = 1
    unrolled_steps: int = 0


def discriminator_update(
    game: Game, state: TrainState, key: chex.PRNGKey, real: chex.Array, condition: chex.ArrayTree | None = None
) -> tuple[PlayerState, Metrics]:
    """One update of the discriminator on one minibatch and fresh latents, the generator fixed.

    Args:
      game: the networks, loss and optimizers.
      state: both players as they are.
      key: draws the latents and the networks' noise.
      real: [batch, ...], this device's share of a minibatch of data.
      condition: [batch, ...], or None.

    Returns:
      The discriminator's new state, and scalar metrics: loss, accuracy, mean logits and the gradient's norm.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), Algorithm 1, inner loop.
    """
    names = ("latent", "generator", "real", "fake", "critic", "penalty")
    keys = dict(zip(names, jax.random.split(key, len(names)), strict=True))
    # No stop_gradient at the fake examples: the gradient is in the discriminator's parameters alone, and without it the
    # whole update can be differentiated in the generator's, as an analysis of the dynamics does.
    batch = {"real": real, "latent": _draw_latents(game, keys["latent"], real.shape[0]), "condition": condition}

    def loss_fn(params, model_state, batch, rows):
        real, condition = batch["real"], batch["condition"]
        generator = game.generator, state.generator.variables
        fake, _ = _apply(rows, *generator, batch["latent"], keys["generator"], condition)
        variables = {"params": params, **model_state}
        inputs = (real, keys["real"]), (fake, keys["fake"])
        (real_judgement, fake_judgement), model_state = _judge_both(game, rows, variables, *inputs, condition)
        real_logits, fake_logits = real_judgement.logits, fake_judgement.logits
        loss = game.loss.discriminator(real_logits, fake_logits)

        def critic(examples):
            return _judge(game, rows, variables, examples, keys["critic"], condition)[0].logits

        for i, penalty in enumerate(game.penalties):
            penalty_key = rows.key(jax.random.fold_in(keys["penalty"], i))
            loss = _penalised(loss, penalty, state.step, (critic, real, fake, penalty_key))
        metrics = {
            "d_accuracy": ((real_logits > 0).mean() + (fake_logits < 0).mean()) / 2,
            "d_real_logit": real_logits.mean(),
            "d_fake_logit": fake_logits.mean(),
        }
        return loss, (model_state, metrics)

    player, loss, metrics = _descend(game, loss_fn, state.discriminator, batch, game.discriminator_tx)
    gradient_norm = metrics.pop("gradient_norm")
    return player, {"d_loss": loss, **metrics, "d_gradient_norm": gradient_norm}


def generator_update(
    game: Game, state: TrainState, key: chex.PRNGKey, real: chex.Array, condition: chex.ArrayTree | None = None
) -> tuple[PlayerState, Metrics]:
    """One update of the generator on fresh latents, the discriminator fixed.

    Args:
      game: the networks, loss and optimizers.
      state: both players as they are; the discriminator is the updated one.
      key: draws the latents and the networks' noise.
      real: [batch, ...], this device's share of a minibatch of data; relativistic losses compare with it, and XLA
        drops its path through the discriminator for the others.
      condition: [batch, ...], or None.

    Returns:
      The generator's new state, and scalar metrics: loss and the gradient's norm.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), Algorithm 1, outer loop.
    """
    keys = dict(zip(("latent", "generator", "real", "fake"), jax.random.split(key, 4), strict=True))
    batch = {"real": real, "latent": _draw_latents(game, keys["latent"], real.shape[0]), "condition": condition}

    def loss_fn(params, model_state, batch, rows):
        variables, condition = {"params": params, **model_state}, batch["condition"]
        judge = _unrolled(game, state, params, batch, rows, keys["real"]).variables
        fake, model_state = _apply(rows, game.generator, variables, batch["latent"], keys["generator"], condition)
        real_logits = _judge(game, rows, judge, batch["real"], keys["real"], condition)[0].logits
        fake_logits = _judge(game, rows, judge, fake, keys["fake"], condition)[0].logits
        return game.loss.generator(real_logits, fake_logits), (model_state, {})

    player, loss, metrics = _descend(game, loss_fn, state.generator, batch, game.generator_tx)
    return player, {"g_loss": loss, "g_gradient_norm": metrics["gradient_norm"]}


def _draw_latents(game: Game, key: chex.PRNGKey, count: int) -> chex.Array:
    """This device's rows of the latents of the global batch, so that they do not depend on the number of devices."""
    if game.axis_name is None:
        return game.latent.sample(key, count)
    latents = game.latent.sample(key, count * jax.lax.axis_size(game.axis_name))
    return jax.lax.dynamic_slice_in_dim(latents, jax.lax.axis_index(game.axis_name) * count, count)


def _apply(rows: Rows, network: Network, variables, inputs, key, condition):
    """The network in training, with its noise drawn per example of the global batch or, failing that, per device."""
    per_example = isinstance(network.apply, PerExample)
    key = rows.example_keys(key, inputs.shape[0]) if per_example else rows.key(key)
    return network.apply(variables, inputs, condition=condition, key=key, train=True)


def _judge_both(
    game: Game, rows: Rows, variables, real: tuple[chex.Array, Any], fake: tuple[chex.Array, Any], condition
) -> tuple[list[Judgement], Any]:
    """Judgements of real and of fake examples, each given with its key; in one batch where that changes nothing."""
    apply = game.discriminator.apply
    if len(variables) > 1 or not (isinstance(apply, PerExample) and apply.independent):
        first, model_state = _judge(game, rows, variables, *real, condition)
        second, model_state = _judge(game, rows, {"params": variables["params"], **model_state}, *fake, condition)
        return [first, second], model_state
    # Half as many products, each twice as large, and one gradient for each parameter where there would be two to add.
    keys = jnp.concatenate([rows.example_keys(key, inputs.shape[0]) for inputs, key in (real, fake)])
    both = jax.tree.map(lambda x: jnp.concatenate([x, x]), condition)
    outputs, model_state = apply(variables, jnp.concatenate([real[0], fake[0]]), condition=both, key=keys, train=True)
    halves = [jax.tree.map(lambda x, i=i: jnp.split(x, 2)[i], _as_judgement(outputs)) for i in range(2)]
    return halves, model_state


def _judge(game: Game, rows: Rows, variables, inputs, key, condition) -> tuple[Judgement, Any]:
    outputs, model_state = _apply(rows, game.discriminator, variables, inputs, key, condition)
    return _as_judgement(outputs), model_state


def _as_judgement(outputs) -> Judgement:
    return outputs if isinstance(outputs, Judgement) else Judgement(outputs)


def _descend(game: Game, loss_fn, player: PlayerState, batch, tx) -> tuple[PlayerState, chex.Array, Metrics]:
    return descend(loss_fn, player, batch, tx, game.axis_name, game.accumulation_steps)


def _unrolled(game: Game, state: TrainState, params, batch, rows: Rows, key: chex.PRNGKey) -> PlayerState:
    """The discriminator after its next updates against a generator, through which that one's gradient goes.

    Each device looks ahead on its own share of the batch, so with several devices the look is a noisier one.
    """
    judge = state.discriminator
    if not game.unrolled_steps:
        return judge
    alone = game._replace(axis_name=None, accumulation_steps=1, unrolled_steps=0)
    judge = varying(judge, game.axis_name)
    playing = state.replace(generator=state.generator.replace(params=params))
    for i in range(game.unrolled_steps):
        playing = playing.replace(discriminator=judge)
        update_key = rows.key(jax.random.fold_in(key, i))
        judge, _ = discriminator_update(alone, playing, update_key, batch["real"], batch["condition"])
    return judge


def _penalised(loss: chex.Array, penalty: Penalty | Lazy, step: chex.Array, arguments) -> chex.Array:
    if not isinstance(penalty, Lazy):
        return loss + penalty(*arguments)
    # A step without it does not compute it, except where members of a population are batched.
    due = step % penalty.interval == 0
    return jax.lax.cond(due, lambda: loss + penalty.interval * penalty.penalty(*arguments), lambda: loss)
