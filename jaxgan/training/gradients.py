"""A player's gradient, as a mean over the parts of a batch and over devices, and its optimizer step."""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import optax

from jaxgan.types import PlayerState, example_keys, varying


class Rows(NamedTuple):
    """The rows of the global batch that one computation sees: part `part` of `parts` of its device's share."""

    axis_name: str | None
    parts: int
    part: chex.Numeric = 0

    def example_keys(self, key: chex.PRNGKey, count: int) -> chex.PRNGKey:
        """One key for each of these `count` examples, by its index in the global batch."""
        offset: chex.Numeric = 0 if self.axis_name is None else jax.lax.axis_index(self.axis_name) * self.parts * count
        return example_keys(key, count, offset if self.parts == 1 else offset + self.part * count)

    def key(self, key: chex.PRNGKey) -> chex.PRNGKey:
        """A key of the device's own, and of the part's."""
        key = key if self.axis_name is None else jax.random.fold_in(key, jax.lax.axis_index(self.axis_name))
        return key if self.parts == 1 else jax.random.fold_in(key, self.part)


class Gradient(NamedTuple):
    """What a player is to descend at one point: means over the parts of a batch and over the devices.

    Attributes:
      loss: scalar.
      grads: pytree like the player's parameters.
      model_state: the player's, after the computation.
      metrics: scalars.
    """

    loss: chex.Array
    grads: Any
    model_state: Any
    metrics: dict[str, chex.Array]


def gradient(loss_fn: Any, player: PlayerState, batch: Any, axis_name: str | None, parts: int) -> Gradient:
    """A player's gradient; it, loss, metrics and model state are averaged over the devices.

    Args:
      loss_fn: `(params, model_state, batch, rows) -> loss, (model_state, metrics)`.
      player: at whose parameters it is taken.
      batch: pytree of [batch, ...], with the key "real": this device's share.
      axis_name: of the mapped device axis, or None.
      parts: in which a device computes its share, one after another.
    """
    if parts == 1:
        params = varying(player.params, axis_name)
        rows = Rows(axis_name, 1)
        found = jax.value_and_grad(loss_fn, has_aux=True)(params, player.model_state, batch, rows)
        (loss, (model_state, metrics)), grads = found
    else:
        loss, model_state, metrics, grads = _accumulate(loss_fn, player, batch, axis_name, parts)
    if axis_name is not None:
        loss, metrics, grads = jax.lax.pmean((loss, metrics, grads), axis_name)
    return Gradient(loss, grads, _mean_state(model_state, axis_name), metrics)


def move(player: PlayerState, found: Gradient, tx: optax.GradientTransformation) -> PlayerState:
    """One optimizer step from the player's parameters, with a gradient found there or elsewhere."""
    updates, opt_state = tx.update(found.grads, player.opt_state, player.params)
    return PlayerState(optax.apply_updates(player.params, updates), found.model_state, opt_state)


def norm(grads: Any) -> chex.Array:
    """The Euclidean norm of a tree; by products with ones, since a CPU's reductions of whole arrays are slow."""

    def squares(leaf):
        rows = jnp.square(leaf).reshape(-1, leaf.shape[-1] if leaf.ndim else 1)
        ones = jnp.ones((1, len(rows)), rows.dtype)
        return jnp.matmul(ones, rows, precision=jax.lax.Precision.HIGHEST).sum()

    return jnp.sqrt(sum(map(squares, jax.tree.leaves(grads)), jnp.zeros(())))


def _accumulate(loss_fn, player: PlayerState, batch, axis_name, parts):
    """Loss, metrics and gradient as means over parts of a batch, one after another; the model state passes through."""
    count = batch["real"].shape[0]
    if count % parts:
        raise ValueError(
            f"a device's batch of {count} does not divide into accumulation_steps={parts} parts; choose a batch size "
            f"that is a multiple of {parts} times the number of devices"
        )
    batch = jax.tree.map(lambda x: x.reshape(parts, count // parts, *x.shape[1:]), batch)
    params = varying(player.params, axis_name)

    def add(carry, inputs):
        total, model_state = carry
        part, batch = inputs
        rows = Rows(axis_name, parts, part)
        found = jax.value_and_grad(loss_fn, has_aux=True)(params, model_state, batch, rows)
        (loss, (model_state, metrics)), grads = found
        return (jax.tree.map(jnp.add, total, grads), _mean_state(model_state, axis_name)), (loss, metrics)

    zeros = varying(jax.tree.map(jnp.zeros_like, player.params), axis_name)
    (total, model_state), each = jax.lax.scan(add, (zeros, player.model_state), (jnp.arange(parts), batch))
    loss, metrics = jax.tree.map(lambda x: x.mean(0), each)
    return loss, model_state, metrics, jax.tree.map(lambda x: x / parts, total)


def _mean_state(tree, axis_name: str | None):
    def mean(leaf):
        floating = jnp.issubdtype(leaf.dtype, jnp.floating)
        return jax.lax.pmean(leaf, axis_name) if floating else jax.lax.pmax(leaf, axis_name)

    return tree if axis_name is None else jax.tree.map(mean, tree)
