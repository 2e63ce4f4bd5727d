"""One player's update with the other fixed: the two halves of a training step.

What a player's update returns is that player's state alone, so the other's parameters and model state cannot change.
"""

import chex
import jax
import jax.numpy as jnp
import optax

from jaxgan.training.consensus import Opponent, with_consensus
from jaxgan.training.game import Game
from jaxgan.training.gradients import Gradient, Rows, gradient, move, norm
from jaxgan.training.objectives import discriminator_objective, generator_objective
from jaxgan.types import Metrics, PlayerState, TrainState, varying


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
    found = discriminator_gradient(game, state, key, real, condition)
    return move(state.discriminator, found, game.discriminator_tx), found.metrics


def discriminator_gradient(
    game: Game, state: TrainState, key: chex.PRNGKey, real: chex.Array, condition: chex.ArrayTree | None = None
) -> Gradient:
    """What `discriminator_update`, given the same, descends."""
    names = ("latent", "generator", "real", "fake", "critic", "penalty")
    keys = dict(zip(names, jax.random.split(key, len(names)), strict=True))
    batch = {"real": real, "latent": _draw_latents(game, keys["latent"], real.shape[0]), "condition": condition}

    loss_fn = discriminator_objective(game, state, keys)

    def opponent(params):
        return generator_objective(game, lambda *_: {"params": params, **state.discriminator.model_state}, keys)

    found = _gradient(game, loss_fn, state.discriminator, batch, Opponent(state.generator, opponent))
    return found._replace(metrics={"d_loss": found.loss, **found.metrics, "d_gradient_norm": norm(found.grads)})


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
    found = generator_gradient(game, state, key, real, condition)
    return move(state.generator, found, game.generator_tx), found.metrics


def generator_gradient(
    game: Game, state: TrainState, key: chex.PRNGKey, real: chex.Array, condition: chex.ArrayTree | None = None
) -> Gradient:
    """What `generator_update`, given the same, descends."""
    names = ("latent", "generator", "real", "fake") + (() if game.consensus is None else ("critic", "penalty"))
    keys = dict(zip(names, jax.random.split(key, len(names)), strict=True))
    batch = {"real": real, "latent": _draw_latents(game, keys["latent"], real.shape[0]), "condition": condition}

    def judge(params, batch, rows):
        return _unrolled(game, state, params, batch, rows, keys["real"]).variables

    loss_fn = generator_objective(game, judge, keys)

    def opponent(params):
        moved = state.replace(generator=state.generator.replace(params=params))
        return discriminator_objective(game, moved, keys)

    found = _gradient(game, loss_fn, state.generator, batch, Opponent(state.discriminator, opponent))
    return found._replace(metrics={"g_loss": found.loss, **found.metrics, "g_gradient_norm": norm(found.grads)})


def _draw_latents(game: Game, key: chex.PRNGKey, count: int) -> chex.Array:
    """This device's rows of the latents of the global batch, so that they do not depend on the number of devices."""
    if game.axis_name is None:
        return game.latent.sample(key, count)
    latents = game.latent.sample(key, count * jax.lax.axis_size(game.axis_name))
    return jax.lax.dynamic_slice_in_dim(latents, jax.lax.axis_index(game.axis_name) * count, count)


def _gradient(game: Game, loss_fn, player: PlayerState, batch, opponent: Opponent) -> Gradient:
    where = player, batch, game.axis_name, game.accumulation_steps
    found = gradient(loss_fn, *where)
    if game.consensus is None:
        return found
    return with_consensus(game.consensus, found, loss_fn, player, opponent, *where[1:])


def _unrolled(game: Game, state: TrainState, params, batch, rows: Rows, key: chex.PRNGKey) -> PlayerState:
    """The discriminator after its next updates against a generator, through which that one's gradient goes.

    Each device looks ahead on its own share of the batch, so with several devices the look is a noisier one.
    """
    judge = state.discriminator
    if not game.unrolled_steps:
        return judge
    optimizer = _with_a_derivative(game.discriminator_tx)
    alone = game._replace(axis_name=None, accumulation_steps=1, unrolled_steps=0, discriminator_tx=optimizer)
    judge = varying(judge, game.axis_name)
    playing = state.replace(generator=state.generator.replace(params=params))
    for i in range(game.unrolled_steps):
        playing = playing.replace(discriminator=judge)
        update_key = rows.key(jax.random.fold_in(key, i))
        judge, _ = discriminator_update(alone, playing, update_key, batch["real"], batch["condition"])
    return judge


def _with_a_derivative(tx: optax.GradientTransformation) -> optax.GradientTransformation:
    """The optimizer, not differentiated where a gradient is 0: Adam's root has no derivative there, and gives NaN.

    Such are the gradients of units that are dead on the whole batch; so small a one is 0 when squared.
    """

    def update(grads, state, params):
        held = jax.tree.map(lambda g: jnp.where(jnp.abs(g) < 1e-15, jax.lax.stop_gradient(g), g), grads)
        return tx.update(held, state, params)

    return optax.GradientTransformation(tx.init, update)
