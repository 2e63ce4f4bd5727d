"""Many GANs in one compiled step. Members differ in seeds and hyperparameters, not in structure.

Each member makes the same steps as in a separate run. `jaxgan.parallel.distribute_population` distributes members over
devices.
"""

from collections.abc import Callable
from typing import Any

import chex
import jax

from jaxgan.tables import UnknownNameError
from jaxgan.training.step import TrainStep
from jaxgan.types import Batch, Metrics, TrainState

MEMBERS = ("vmap", "map")

PopulationStep = Callable[..., tuple[TrainState, Metrics]]
"""`(states, batches, hyperparameters, *shared) -> (states, metrics)`; leaves except `shared`'s are [members, ...]."""


def population_step(member_step: Callable[[Any], TrainStep], *, members: str = "vmap") -> PopulationStep:
    """One step, or one chunk of steps, of many GANs.

    Args:
      member_step: `(hyperparameters) -> train_step` of one member, or with `scan_steps` a chunk of steps.
        `hyperparameters` is any pytree of numbers; the structure of the step must not depend on them.
      members: "vmap" runs all members in one batched step, for a GPU or TPU. A batched product may sum in a different
        order than an unbatched one, so a member equals its separate run up to rounding (1e-5 after a few steps). "map"
        runs them one after another within the call, bit for bit like separate runs if XLA fuses both programs alike;
        this is faster on a CPU.

    Returns:
      A pure function of stacked states, batches [members, k, batch, ...] (or [members, steps, k, batch, ...]), stacked
      hyperparameters and, if the member's step takes further arguments, these arguments, shared by all members.

    Raises:
      ValueError: `members` is neither "vmap" nor "map".
    """
    if members not in MEMBERS:
        raise UnknownNameError("members", members, MEMBERS)

    def step(states: TrainState, batches: Batch, hyperparameters: chex.ArrayTree, *shared: Any):
        def one(state, batch, values):
            return member_step(values)(state, batch, *shared)

        if members == "vmap":
            return jax.vmap(one)(states, batches, hyperparameters)
        return jax.lax.map(lambda inputs: one(*inputs), (states, batches, hyperparameters))

    return step


def init_population(
    init_member: Callable[[chex.PRNGKey, Any], TrainState], keys: chex.PRNGKey, hyperparameters: chex.ArrayTree
) -> TrainState:
    """The initial states of all members, stacked.

    Args:
      init_member: `(key, hyperparameters) -> state`, such as a call of `jaxgan.init_state`.
      keys: [members] typed keys.
      hyperparameters: pytree of [members].

    Returns:
      A `TrainState` with leaves [members, ...]; each member's state is bit for bit that of `jax.jit(init_member)`.

    Raises:
      ValueError: the numbers of keys and hyperparameters differ.
    """
    counts = {len(keys), *(len(leaf) for leaf in jax.tree.leaves(hyperparameters))}
    if len(counts) > 1:
        raise ValueError(f"keys and hyperparameters are of different numbers of members: {sorted(counts)}")
    return jax.lax.map(lambda inputs: init_member(*inputs), (keys, hyperparameters))


def member(states: TrainState, index: int) -> TrainState:
    """One member's state, for `jaxgan.sample` or a checkpoint.

    Raises:
      IndexError: `index` is out of range.
    """
    count = len(states.step)
    if not -count <= index < count:
        raise IndexError(f"there is no member {index} of {count}")
    return jax.tree.map(lambda leaf: leaf[index], states)
