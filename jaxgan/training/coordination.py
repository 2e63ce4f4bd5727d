"""The number of discriminator updates per step: fixed, by a schedule, or by the discriminator's accuracy."""

from collections.abc import Callable
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp


class Coordination(NamedTuple):
    """Which of a step's k discriminator updates are made; decided inside the compiled step.

    The first minibatch's update is always computed, because its accuracy is needed. Updates that are not due are not
    computed.

    Attributes:
      steps: `step -> number of updates`, between 1 and k; None for k.
      accuracy_limit: the discriminator rests for the remainder of the step from the first minibatch on which its
        accuracy, before the update, exceeds this limit. With 1 or more it never rests. A limit below 1 needs a loss
        with a `threshold`.
    """

    steps: Callable[[chex.Array], chex.Numeric] | None = None
    accuracy_limit: chex.Numeric = 1.0


def linear_steps(first: int, last: int, over: int) -> Callable[[chex.Array], chex.Array]:
    """A schedule of k, rounded: linear from `first` at step 0 to `last` at step `over`, constant afterwards."""
    return lambda step: jnp.round(first + (last - first) * jnp.clip(step / over, 0, 1)).astype(jnp.int32)


def due(coordination: Coordination, step: chex.Array, count: int) -> chex.Numeric:
    """How many of `count` updates a step may make; it makes fewer if the discriminator rests."""
    return count if coordination.steps is None else jnp.clip(coordination.steps(step), 1, count)


def coordinate(
    coordination: Coordination,
    step: chex.Array,
    update: Callable[[Any, Any], tuple[Any, dict]],
    player: Any,
    inputs: Any,
) -> tuple[Any, dict[str, chex.Array]]:
    """Makes the due updates of a step, one after another.

    Args:
      coordination: which updates are due at this `step`.
      update: `(player, inputs of one update) -> (player, metrics)`. If the metrics lack "d_accuracy", the discriminator
        never rests.
      player: the player before the first update.
      inputs: pytree of [k, ...].

    Returns:
      The player after the last update, and means of the metrics over the computed updates, with "d_updates", the number
      of updates made.
    """
    count = len(jax.tree.leaves(inputs)[0])
    allowed = due(coordination, step, count)
    metric_shapes = jax.eval_shape(update, player, jax.tree.map(lambda x: x[0], inputs))[1]

    def one_update(carry, numbered):
        player, rests = carry
        number, update_inputs = numbered

        def compute():
            updated, metrics = update(player, update_inputs)
            rests = metrics.get("d_accuracy", jnp.zeros(())) > coordination.accuracy_limit
            kept = jax.tree.map(lambda old, new: jnp.where(rests, old, new), player, updated)
            return (kept, rests), metrics, jnp.stack([jnp.array(True), ~rests])

        def skip():
            zeros = {name: jnp.zeros(shape.shape, shape.dtype) for name, shape in metric_shapes.items()}
            return (player, rests), zeros, jnp.array([False, False])

        carry, metrics, flags = jax.lax.cond((number < allowed) & ~rests, compute, skip)
        return carry, (metrics, flags)

    start = player, jnp.zeros((), bool)
    (player, _), (metrics, flags) = jax.lax.scan(one_update, start, (jnp.arange(count), inputs))
    computed, made = flags.sum(0)
    means = {name: values.sum() / computed.astype(values.dtype) for name, values in metrics.items()}
    return player, means | {"d_updates": made.astype(jnp.result_type(float))}
