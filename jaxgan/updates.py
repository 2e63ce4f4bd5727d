"""One player's update with the other fixed: the two halves of a training step.

What a player's update returns is that player's state alone, so the other's parameters and model state cannot change.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import optax

from jaxgan.latents import Latent
from jaxgan.losses import Loss
from jaxgan.state import Judgement, Network, PerExample, PlayerState, TrainState, example_keys

Metrics = dict[str, chex.Array]
Penalty = Callable[..., chex.Array]
"""`(critic, real, fake, key) -> scalar` added to the discriminator's loss; `critic(examples) -> logits [batch]`."""


class Game(NamedTuple):
    """The fixed parts of a GAN: everything a step needs beside the state and the data.

    Attributes:
      generator, discriminator: the two `Network`s.
      loss: the two players' objectives.
      generator_tx, discriminator_tx: optax gradient transformations.
      latent: the prior p_z(z).
      penalties: terms added to the discriminator's loss.
      axis_name: name of the mapped device axis over which gradients are averaged; None on one device.
    """

    generator: Network
    discriminator: Network
    loss: Loss
    generator_tx: optax.GradientTransformation
    discriminator_tx: optax.GradientTransformation
    latent: Latent
    penalties: tuple[Penalty, ...] = ()
    axis_name: str | None = None


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
    count = real.shape[0]
    latents = _draw_latents(game, keys["latent"], count)
    fake, _ = _apply(game, game.generator, state.generator.variables, latents, keys["generator"], condition)
    # No stop_gradient: the gradient below is in the discriminator's parameters alone, and without it the whole update
    # can be differentiated in the generator's, as an analysis of the dynamics does.
    player = state.discriminator

    def loss_fn(params):
        variables = {"params": params, **player.model_state}
        inputs = (real, keys["real"]), (fake, keys["fake"])
        (real_judgement, fake_judgement), model_state = _judge_both(game, variables, *inputs, condition)
        real_logits, fake_logits = real_judgement.logits, fake_judgement.logits
        loss = game.loss.discriminator(real_logits, fake_logits)

        def critic(examples):
            return _judge(game, variables, examples, keys["critic"], condition)[0].logits

        for i, penalty in enumerate(game.penalties):
            penalty_key = _device_key(game, jax.random.fold_in(keys["penalty"], i))
            loss = loss + penalty(critic, real, fake, penalty_key)
        metrics = {
            "d_accuracy": ((real_logits > 0).mean() + (fake_logits < 0).mean()) / 2,
            "d_real_logit": real_logits.mean(),
            "d_fake_logit": fake_logits.mean(),
        }
        return loss, (model_state, metrics)

    player, loss, metrics = _descend(game, loss_fn, player, game.discriminator_tx)
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
    latents = _draw_latents(game, keys["latent"], real.shape[0])
    player, judge = state.generator, state.discriminator.variables

    def loss_fn(params):
        variables = {"params": params, **player.model_state}
        fake, model_state = _apply(game, game.generator, variables, latents, keys["generator"], condition)
        real_logits = _judge(game, judge, real, keys["real"], condition)[0].logits
        fake_logits = _judge(game, judge, fake, keys["fake"], condition)[0].logits
        return game.loss.generator(real_logits, fake_logits), (model_state, {})

    player, loss, metrics = _descend(game, loss_fn, player, game.generator_tx)
    return player, {"g_loss": loss, "g_gradient_norm": metrics["gradient_norm"]}


def _draw_latents(game: Game, key: chex.PRNGKey, count: int) -> chex.Array:
    """This device's rows of the latents of the global batch, so that they do not depend on the number of devices."""
    if game.axis_name is None:
        return game.latent.sample(key, count)
    latents = game.latent.sample(key, count * jax.lax.axis_size(game.axis_name))
    return jax.lax.dynamic_slice_in_dim(latents, jax.lax.axis_index(game.axis_name) * count, count)


def _device_key(game: Game, key: chex.PRNGKey) -> chex.PRNGKey:
    return key if game.axis_name is None else jax.random.fold_in(key, jax.lax.axis_index(game.axis_name))


def _apply(game: Game, network: Network, variables, inputs, key, condition):
    """The network in training, with its noise drawn per example of the global batch or, failing that, per device."""
    key = _example_keys(game, key, inputs) if isinstance(network.apply, PerExample) else _device_key(game, key)
    return network.apply(variables, inputs, condition=condition, key=key, train=True)


def _example_keys(game: Game, key: chex.PRNGKey, inputs: chex.Array) -> chex.PRNGKey:
    offset = 0 if game.axis_name is None else jax.lax.axis_index(game.axis_name) * inputs.shape[0]
    return example_keys(key, inputs.shape[0], offset)


def _judge_both(
    game: Game, variables, real: tuple[chex.Array, Any], fake: tuple[chex.Array, Any], condition
) -> tuple[list[Judgement], Any]:
    """Judgements of real and of fake examples, each given with its key; in one batch where that changes nothing."""
    apply = game.discriminator.apply
    if len(variables) > 1 or not (isinstance(apply, PerExample) and apply.independent):
        first, model_state = _judge(game, variables, *real, condition)
        second, model_state = _judge(game, {"params": variables["params"], **model_state}, *fake, condition)
        return [first, second], model_state
    # Half as many products, each twice as large, and one gradient for each parameter where there would be two to add.
    keys = jnp.concatenate([_example_keys(game, key, inputs) for inputs, key in (real, fake)])
    both = jax.tree.map(lambda x: jnp.concatenate([x, x]), condition)
    outputs, model_state = apply(variables, jnp.concatenate([real[0], fake[0]]), condition=both, key=keys, train=True)
    halves = [jax.tree.map(lambda x, i=i: jnp.split(x, 2)[i], _as_judgement(outputs)) for i in range(2)]
    return halves, model_state


def _judge(game: Game, variables, inputs, key, condition) -> tuple[Judgement, Any]:
    outputs, model_state = _apply(game, game.discriminator, variables, inputs, key, condition)
    return _as_judgement(outputs), model_state


def _as_judgement(outputs) -> Judgement:
    return outputs if isinstance(outputs, Judgement) else Judgement(outputs)


def _descend(game: Game, loss_fn, player: PlayerState, tx) -> tuple[PlayerState, chex.Array, Metrics]:
    """One optimizer step; gradient, loss, metrics and model state are averaged over the devices."""
    params = player.params
    if game.axis_name is not None:
        # Without this cast shard_map sums a replicated parameter's gradient over the axis by itself, and the mean
        # below would then be the sum.
        params = jax.tree.map(lambda x: jax.lax.pcast(x, game.axis_name, to="varying"), params)
    (loss, (model_state, metrics)), grads = jax.value_and_grad(loss_fn, has_aux=True)(params)
    if game.axis_name is not None:
        loss, metrics, grads = jax.lax.pmean((loss, metrics, grads), game.axis_name)
        model_state = jax.tree.map(functools.partial(_mean_state, axis_name=game.axis_name), model_state)
    updates, opt_state = tx.update(grads, player.opt_state, player.params)
    metrics = {**metrics, "gradient_norm": optax.tree.norm(grads)}
    return PlayerState(optax.apply_updates(player.params, updates), model_state, opt_state), loss, metrics


def _mean_state(leaf: chex.Array, axis_name: str) -> chex.Array:
    floating = jnp.issubdtype(leaf.dtype, jnp.floating)
    return jax.lax.pmean(leaf, axis_name) if floating else jax.lax.pmax(leaf, axis_name)
