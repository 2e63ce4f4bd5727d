"""The hyperparameters of a run: numbers that its compiled step takes as arguments instead of as constants.

With another rate the same program then trains, be it the next run or the next member of a sweep. A member's program is
that of a run of its own, so both round alike; XLA would fold a constant into products, which round otherwise.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.config.schema import traced, value_of


def hyperparameters(config: Mapping[str, Any]) -> dict[str, jax.Array]:
    """The hyperparameters of a run, float32 scalars by field."""
    return {name: jnp.float32(value_of(config, name)) for name in traced(config)}


def stacked_hyperparameters(configs: Sequence[Mapping[str, Any]]) -> dict[str, jax.Array]:
    """The hyperparameters of runs of one structure, float32 [members] by field."""
    names = traced(configs[0])
    return {name: jnp.asarray([value_of(config, name) for config in configs], jnp.float32) for name in names}
