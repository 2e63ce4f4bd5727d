"""Consensus optimisation: each player also descends the squared length of the joint gradient field."""

from collections.abc import Callable
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

from jaxgan.training.gradients import Gradient, gradient
from jaxgan.types import PlayerState, varying


class Opponent(NamedTuple):
    """The other player, as the one that moves sees it.

    Attributes:
      player: its state.
      objective: `params of the one that moves -> what the other descends`, as `gradient` takes it.
    """

    player: PlayerState
    objective: Callable[[Any], Any]


def with_consensus(
    weight: chex.Numeric,
    own: Gradient,
    loss_fn: Any,
    player: PlayerState,
    opponent: Opponent,
    batch: Any,
    axis_name: str | None,
    parts: int,
) -> Gradient:
    """A player's gradient with that of γ·½‖v‖² added, v = (∇_θ L_G, ∇_ψ L_D), in the player's own parameters.

    v is what both players descend on one minibatch, one draw of latents and of noise, penalties included, and the mean
    over the devices and over the parts before its length is taken. Its length's gradient is then vᵀ·∂v/∂(own), whose
    mean over devices and parts is exact while v is held.

    Args:
      weight: γ ≥ 0.
      own: the player's gradient without it.
      loss_fn, player, batch, axis_name, parts: as `jaxgan.training.gradients.gradient` was given for `own`.
      opponent: the other player.

    Returns:
      The player's gradient; its loss has the term added too.

    Source: Mescheder et al. 2017 (arXiv:1705.10461), section 4, where both players move at once, from one minibatch.
    """
    others = gradient(opponent.objective(player.params), opponent.player, batch, axis_name, parts).grads
    field = own.grads, others

    def along_the_field(params, model_state, batch, rows):
        mine, (model_state, _) = jax.grad(loss_fn, has_aux=True)(params, model_state, batch, rows)
        their_params = varying(opponent.player.params, axis_name)
        theirs, _ = jax.grad(opponent.objective(params), has_aux=True)(
            their_params, opponent.player.model_state, batch, rows
        )
        products = jax.tree.map(lambda a, b: (a * b).sum(), (mine, theirs), field)
        return sum(jax.tree.leaves(products), jnp.zeros(())), (model_state, {})

    pull = gradient(along_the_field, player, batch, axis_name, parts)
    grads = jax.tree.map(lambda g, p: g + weight * p, own.grads, pull.grads)
    return own._replace(loss=own.loss + weight * pull.loss / 2, grads=grads)
