"""A player's gradient, averaged over the parts of a batch and over devices, and its optimizer step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import optax

from jaxgan.types import BatchShard, PlayerState, device_varying

LossFunction = Callable[..., tuple[chex.Array, tuple[Any, dict[str, chex.Array]]]]
"""`(params, model_state, batch, shard) -> loss, (model_state, metrics)` of one player; `batch` is this shard's."""


class Gradient(NamedTuple):
    """A player's loss, gradient, model state and scalar metrics at one point, averaged over parts and devices."""

    loss: chex.Array
    grads: Any
    model_state: Any
    metrics: dict[str, chex.Array]


def compute_gradient(loss_fn: LossFunction, player: PlayerState, batch: Any, shard: BatchShard) -> Gradient:
    """The gradient of a player's loss at its parameters, averaged over the devices.

    `batch` is a pytree of [batch, ...] with the key "real": this device's share, which `shard` describes.
    """
    axis_name = shard.axis_name
    params = device_varying(player.params, axis_name)
    value_and_grad = jax.value_and_grad(loss_fn, has_aux=True)
    if shard.parts == 1:
        (loss, (model_state, metrics)), grads = value_and_grad(params, player.model_state, batch, shard)
    else:
        loss, model_state, metrics, grads = _accumulate(value_and_grad, params, player, batch, shard)
    if axis_name is not None:
        loss, metrics, grads = jax.lax.pmean((loss, metrics, grads), axis_name)
    return Gradient(loss, grads, mean_state(model_state, axis_name), metrics)


def add_consensus(
    own: Gradient,
    weight: chex.Numeric,
    loss_fn: LossFunction,
    player: PlayerState,
    opponent_loss: Callable[[Any], LossFunction],
    opponent: PlayerState,
    batch: Any,
    shard: BatchShard,
) -> Gradient:
    """Adds the gradient of γ·½‖v‖² with respect to the player's own parameters, where v = (∇_θ L_G, ∇_ψ L_D).

    v is the field of both players' gradients on one minibatch with one draw of latents and noise, including penalties.
    It is averaged over devices and parts before its norm is computed. The gradient of ½‖v‖² is vᵀ·∂v/∂(own). Its mean
    over devices and parts is exact, since v is held fixed.

    Args:
      own: the player's gradient without consensus, `compute_gradient(loss_fn, player, batch, shard)`.
      weight: γ ≥ 0.
      loss_fn, player, batch, shard: as for `compute_gradient`.
      opponent_loss: `params of the player -> loss function of the opponent`.
      opponent: the other player.

    Source: Mescheder et al. 2017 (arXiv:1705.10461), section 4, where both players move at once, with one minibatch.
    """
    field = own.grads, compute_gradient(opponent_loss(player.params), opponent, batch, shard).grads

    def along_the_field(params, model_state, batch, shard):
        own_grads, (model_state, _) = jax.grad(loss_fn, has_aux=True)(params, model_state, batch, shard)
        opponent_params = device_varying(opponent.params, shard.axis_name)
        opponent_grads, _ = jax.grad(opponent_loss(params), has_aux=True)(
            opponent_params, opponent.model_state, batch, shard
        )
        products = jax.tree.map(lambda a, b: (a * b).sum(), (own_grads, opponent_grads), field)
        return _total(products), (model_state, {})

    consensus = compute_gradient(along_the_field, player, batch, shard)
    grads = jax.tree.map(lambda g, c: g + weight * c, own.grads, consensus.grads)
    return own._replace(loss=own.loss + weight * consensus.loss / 2, grads=grads)


def apply_gradients(player: PlayerState, gradient: Gradient, tx: optax.GradientTransformation) -> PlayerState:
    """One optimizer step from the player's parameters; the gradient may be from another point."""
    updates, opt_state = tx.update(gradient.grads, player.opt_state, player.params)
    return PlayerState(optax.apply_updates(player.params, updates), gradient.model_state, opt_state)


def _total(scalars: Any) -> chex.Array:
    """The sum of a pytree's scalars."""
    leaves = jax.tree.leaves(scalars)
    return sum(leaves, jnp.zeros((), jnp.result_type(*leaves) if leaves else None))


def _accumulate(value_and_grad, params, player: PlayerState, batch, shard: BatchShard):
    """Averages loss, metrics and gradient over parts, one after another; the model state passes from part to part."""
    parts, count = shard.parts, batch["real"].shape[0]
    if count % parts:
        raise ValueError(
            f"a device's batch of {count} does not divide into accumulation_steps={parts} parts; choose a batch size "
            f"that is a multiple of {parts} times the number of devices"
        )
    batch = jax.tree.map(lambda x: x.reshape(parts, count // parts, *x.shape[1:]), batch)

    def add(carry, inputs):
        total, model_state = carry
        part, batch = inputs
        (loss, (model_state, metrics)), grads = value_and_grad(params, model_state, batch, shard._replace(part=part))
        return (jax.tree.map(jnp.add, total, grads), mean_state(model_state, shard.axis_name)), (loss, metrics)

    zeros = device_varying(jax.tree.map(jnp.zeros_like, player.params), shard.axis_name)
    (total, model_state), each = jax.lax.scan(add, (zeros, player.model_state), (jnp.arange(parts), batch))
    loss, metrics = jax.tree.map(lambda x: x.mean(0), each)
    return loss, model_state, metrics, jax.tree.map(lambda x: x / parts, total)


def mean_state(tree, axis_name: str | None):
    """Averages model state over devices. Integer counters are equal on all devices."""

    def mean(leaf):
        floating = jnp.issubdtype(leaf.dtype, jnp.floating)
        return jax.lax.pmean(leaf, axis_name) if floating else jax.lax.pmax(leaf, axis_name)

    return tree if axis_name is None else jax.tree.map(mean, tree)
