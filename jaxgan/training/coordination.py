"""How many updates the discriminator gets in a step: fixed, by a schedule, or by how well it does."""

from collections.abc import Callable
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp


class Coordination(NamedTuple):
    """Which of a step's k discriminator updates are made. All of this is decided within the compiled step.

    The first minibatch's update is always computed, since its accuracy is needed; what is not made is not computed.

    Attributes:
      steps: `step -> how many of the k updates`, at least 1 and at most k; None: all.
      accuracy_limit: the discriminator rests, until the next step, from the first minibatch on which its accuracy,
        before the update, is above this; 1 and more: it never rests.
    """

    steps: Callable[[chex.Array], chex.Numeric] | None = None
    accuracy_limit: chex.Numeric = 1.0


def linear_steps(first: int, last: int, over: int) -> Callable[[chex.Array], chex.Array]:
    """A schedule of k: from `first` at step 0 to `last` at step `over` and after, rounded.

    Args:
      first, last: ≥ 1.
      over: steps, ≥ 1.
    """
    return lambda step: jnp.round(first + (last - first) * jnp.clip(step / over, 0, 1)).astype(jnp.int32)


def coordinate(
    coordination: Coordination,
    step: chex.Array,
    update: Callable[[Any, Any], tuple[Any, dict]],
    player: Any,
    inputs: Any,
) -> tuple[Any, dict[str, chex.Array]]:
    """Those of a step's updates that are due, one after another.

    Args:
      coordination: which are.
      step: of the training.
      update: `(player, inputs of one update) -> (player, metrics)`, with "d_accuracy" among the metrics.
      player: before the first.
      inputs: pytree of [k, ...].

    Returns:
      The player after the last, and the metrics: means over the updates that were computed, and "d_updates", how many
      were made.
    """
    count = len(jax.tree.leaves(inputs)[0])
    allowed = count if coordination.steps is None else jnp.clip(coordination.steps(step), 1, count)
    shapes = jax.eval_shape(update, player, jax.tree.map(lambda x: x[0], inputs))[1]

    def one(carry, numbered):
        player, rests = carry
        number, given = numbered

        def compute():
            updated, metrics = update(player, given)
            rests = metrics["d_accuracy"] > coordination.accuracy_limit
            return (
                (_choose(rests, player, updated), rests),
                metrics,
                jnp.array([True, True]) & ~jnp.array([False, rests]),
            )

        def leave():
            nothing = {name: jnp.zeros(shape.shape, shape.dtype) for name, shape in shapes.items()}
            return (player, rests), nothing, jnp.array([False, False])

        carry, metrics, flags = jax.lax.cond((number < allowed) & ~rests, compute, leave)
        return carry, (metrics, flags)

    start = player, jnp.zeros((), bool)
    (player, _), (metrics, flags) = jax.lax.scan(one, start, (jnp.arange(count), inputs))
    computed, made = flags.sum(0)
    return player, {name: values.sum() / computed for name, values in metrics.items()} | {"d_updates": made + 0.0}


def _choose(rests: chex.Array, old: Any, new: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(rests, a, b), old, new)
