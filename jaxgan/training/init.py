"""The state before the first step."""

from collections.abc import Mapping

import chex
import jax
import jax.numpy as jnp
import optax

from jaxgan.training.validation import CONTRACT, check_condition, check_networks, not_a_network
from jaxgan.types import Latent, Network, PlayerState, TrainState


def init_state(
    key: chex.PRNGKey,
    *,
    generator: Network,
    discriminator: Network,
    generator_tx: optax.GradientTransformation,
    discriminator_tx: optax.GradientTransformation,
    latent: Latent,
    example: chex.Array,
    condition: chex.ArrayTree | None = None,
    average: bool = False,
) -> TrainState:
    """The state before the first step.

    Args:
      key: one typed key (`jax.random.key`): it initialises both networks, and every later draw comes from it.
      generator, discriminator: the two players.
      generator_tx, discriminator_tx: their optax gradient transformations.
      latent: the prior p_z(z).
      example: [batch, ...], a few examples of the data (their shape and dtype matter, and their values to networks that
        start from data alone: a normalization `weight_from_data`).
      condition: [batch, ...], conditions beside them, or None.
      average: start the moving average of the generator's parameters here; a step that keeps one starts it otherwise.

    Returns:
      A `TrainState` at step 0.

    Raises:
      TypeError: if `key` is not a typed key.
      ValueError: a network is not one, or does not suit the data; says how.
    """
    if not jnp.issubdtype(jnp.asarray(key).dtype, jax.dtypes.prng_key):
        raise TypeError("key must be a typed key from jax.random.key(seed), not an array from jax.random.PRNGKey(seed)")
    check_condition(condition, example.shape[:1], "condition")
    keys = dict(zip(("run", "latent", "generator", "discriminator"), jax.random.split(key, 4), strict=True))
    latents = latent.sample(keys["latent"], example.shape[0])
    state = TrainState(
        step=jnp.zeros((), jnp.int32),
        key=keys["run"],
        generator=_init_player(generator, keys["generator"], latents, condition, generator_tx),
        discriminator=_init_player(discriminator, keys["discriminator"], example, condition, discriminator_tx),
    )
    check_networks(generator, discriminator, state, latents, example, condition)
    return start_average(state) if average else state


def start_average(state: TrainState) -> TrainState:
    """The state with a moving average that starts at the generator's parameters, if it has none yet."""
    if state.average_params is not None:
        return state
    # A copy: two fields of one state that share a buffer cannot both be donated.
    return state.replace(average_params=jax.tree.map(jnp.copy, state.generator.params))


def _init_player(network, key, inputs, condition, tx) -> PlayerState:
    try:
        variables = network.init(key, inputs, condition=condition)
    except TypeError as error:
        raise not_a_network(error, "argument", "init") from error
    if not isinstance(variables, Mapping) or "params" not in variables:
        raise ValueError(f'a network\'s init must return {{"params": ...}}, got {type(variables).__name__}; {CONTRACT}')
    variables = dict(variables)
    # jnp.array: leaves of a definite type and a buffer of their own, so that a second step does not trace again.
    params = jax.tree.map(lambda x: jnp.array(x, jnp.result_type(x)), variables.pop("params"))
    return PlayerState(params, jax.tree.map(jnp.array, variables), tx.init(params))
