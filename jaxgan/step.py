"""Algorithm 1 of Goodfellow et al. 2014 as pure functions.

One training step makes k discriminator updates, each on a fresh minibatch and fresh latents with the generator fixed,
then updates the generator against the *updated* discriminator. A player's update leaves the other's parameters and
model state untouched. Nothing here names jit or a device; `jaxgan.parallel` maps the step.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import optax

from jaxgan.latents import Latent
from jaxgan.losses import Loss
from jaxgan.state import Batch, Judgement, Network, PerExample, PlayerState, TrainState, example_keys

Metrics = dict[str, chex.Array]
TrainStep = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]
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
    keys = dict(zip(("latent", "generator", "real", "fake", "penalty"), jax.random.split(key, 5), strict=True))
    count = real.shape[0]
    latents = _draw_latents(game, keys["latent"], count)
    fake, _ = _apply(game, game.generator, state.generator.variables, latents, keys["generator"], condition)
    fake = jax.lax.stop_gradient(fake)
    player = state.discriminator

    def loss_fn(params):
        variables = {"params": params, **player.model_state}
        real_judgement, model_state = _judge(game, variables, real, keys["real"], condition)
        fake_judgement, model_state = _judge(game, {"params": params, **model_state}, fake, keys["fake"], condition)
        real_logits, fake_logits = real_judgement.logits, fake_judgement.logits
        loss = game.loss.discriminator(real_logits, fake_logits)

        def critic(examples):
            return _judge(game, variables, examples, keys["penalty"], condition)[0].logits

        for penalty in game.penalties:
            loss = loss + penalty(critic, real, fake, _device_key(game, keys["penalty"]))
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


def make_train_step(
    *,
    generator: Network,
    discriminator: Network,
    loss: Loss,
    generator_tx: optax.GradientTransformation,
    discriminator_tx: optax.GradientTransformation,
    latent: Latent,
    discriminator_steps: int = 1,
    generator_steps: int = 1,
    penalties: Sequence[Penalty] = (),
    average_decay: float | None = None,
    axis_name: str | None = None,
) -> TrainStep:
    """Builds `train_step(state, batch) -> (state, metrics)`: one iteration of Algorithm 1.

    Args:
      generator, discriminator: the two players.
      loss: one of `LOSSES`, or any pair of functions of (real_logits, fake_logits).
      generator_tx, discriminator_tx: optax gradient transformations, as given to `init_state`.
      latent: the prior p_z(z).
      discriminator_steps: k ≥ 1, discriminator updates per step, each on its own minibatch `batch["real"][j]`.
      generator_steps: generator updates per step, ≥ 1, each on fresh latents.
      penalties: functions `(critic, real, fake, key) -> scalar` added to the discriminator's loss.
      average_decay: decay β in [0, 1) of the moving average ā ← β·ā + (1 − β)·θ_g, taken once per step; None for none.
      axis_name: name of the device axis when the step runs under pmap or shard_map.

    Returns:
      A pure function. `batch` is `{"real": [k, batch, ...]}` with `"condition": [k, batch, ...]` if there is one;
      metrics are scalars, the discriminator's averaged over its k updates and the generator's over its own.

    Raises:
      ValueError: if a count is below 1 or `average_decay` lies outside [0, 1).
    """
    for name, count in (("discriminator_steps", discriminator_steps), ("generator_steps", generator_steps)):
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")
    if average_decay is not None and not 0 <= average_decay < 1:
        raise ValueError(f"average_decay must lie in [0, 1), got {average_decay}")
    game = Game(generator, discriminator, loss, generator_tx, discriminator_tx, latent, tuple(penalties), axis_name)

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        _check_batch(batch, discriminator_steps)
        if average_decay is not None:
            state = start_average(state)
        keys = jax.random.split(jax.random.fold_in(state.key, state.step))
        discriminator_keys = jax.random.split(keys[0], discriminator_steps)
        generator_keys = jax.random.split(keys[1], generator_steps)

        minibatches = {name: leaf for name, leaf in batch.items() if leaf is not None}
        last = jax.tree.map(lambda x: x[-1], minibatches)

        def update_discriminator(player, inputs):
            key, minibatch = inputs
            current = state.replace(discriminator=player)
            return discriminator_update(game, current, key, minibatch["real"], minibatch.get("condition"))

        discriminator, d_metrics = jax.lax.scan(
            update_discriminator, state.discriminator, (discriminator_keys, minibatches)
        )

        def update_generator(player, key):
            current = state.replace(generator=player, discriminator=discriminator)
            return generator_update(game, current, key, last["real"], last.get("condition"))

        generator_player, g_metrics = jax.lax.scan(update_generator, state.generator, generator_keys)
        state = state.replace(step=state.step + 1, generator=generator_player, discriminator=discriminator)
        if average_decay is not None:
            state = state.replace(average_params=_move_average(state, average_decay))
        return state, {name: value.mean() for name, value in (d_metrics | g_metrics).items()}

    train_step.keeps_average = average_decay is not None  # type: ignore[attr-defined]
    return train_step


def scan_steps(train_step: TrainStep) -> TrainStep:
    """Many steps in one compiled loop: n scanned steps equal n single ones.

    Args:
      train_step: `(state, batch) -> (state, metrics)`.

    Returns:
      `(state, batches) -> (state, metrics)`, where the leaves of `batches` are [steps, k, batch, ...] and those of
      `metrics` [steps].
    """

    def steps(state: TrainState, batches: Batch) -> tuple[TrainState, Metrics]:
        if getattr(train_step, "keeps_average", False):
            state = start_average(state)  # a loop's carry cannot gain a field on the way
        return jax.lax.scan(train_step, state, batches)

    return steps


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
      example: [batch, ...], a few examples of the data (their shape and dtype matter, not their values).
      condition: [batch, ...], conditions beside them, or None.
      average: start the moving average of the generator's parameters here; a step that keeps one starts it otherwise.

    Returns:
      A `TrainState` at step 0.

    Raises:
      TypeError: if `key` is not a typed key.
    """
    if not jnp.issubdtype(jnp.asarray(key).dtype, jax.dtypes.prng_key):
        raise TypeError("key must be a typed key from jax.random.key(seed), not an array from jax.random.PRNGKey(seed)")
    keys = dict(zip(("run", "latent", "generator", "discriminator"), jax.random.split(key, 4), strict=True))
    latents = latent.sample(keys["latent"], example.shape[0])
    state = TrainState(
        step=jnp.zeros((), jnp.int32),
        key=keys["run"],
        generator=_init_player(generator, keys["generator"], latents, condition, generator_tx),
        discriminator=_init_player(discriminator, keys["discriminator"], example, condition, discriminator_tx),
    )
    return start_average(state) if average else state


def start_average(state: TrainState) -> TrainState:
    """The state with a moving average that starts at the generator's parameters, if it has none yet."""
    if state.average_params is not None:
        return state
    # A copy: two fields of one state that share a buffer cannot both be donated.
    return state.replace(average_params=jax.tree.map(jnp.copy, state.generator.params))


def sample(
    generator: Network,
    state: TrainState,
    key: chex.PRNGKey,
    count: int,
    *,
    latent: Latent,
    condition: chex.ArrayTree | None = None,
) -> chex.Array:
    """Generated examples G(z), z ~ p_z, from the averaged parameters if the state has them.

    Args:
      generator: the generator's network.
      state: a `TrainState`, or anything with its `generator` and `average_params`.
      key: draws the latents.
      count: how many.
      latent: the prior p_z(z).
      condition: [count, ...], or None.

    Returns:
      [count, ...], in the range of the generator's output.
    """
    return generate(generator, state, latent.sample(key, count), condition=condition)


def generate(
    generator: Network, state: TrainState, latents: chex.Array, *, condition: chex.ArrayTree | None = None
) -> chex.Array:
    """G(z) for given latents [count, dim], from the averaged parameters if the state has them."""
    params = state.generator.params if state.average_params is None else state.average_params
    variables = {"params": params, **state.generator.model_state}
    return generator.apply(variables, latents, condition=condition, train=False)[0]


def _init_player(network, key, inputs, condition, tx) -> PlayerState:
    variables = dict(network.init(key, inputs, condition=condition))
    # jnp.array: leaves of a definite type and a buffer of their own, so that a second step does not trace again.
    params = jax.tree.map(lambda x: jnp.array(x, jnp.result_type(x)), variables.pop("params"))
    return PlayerState(params, jax.tree.map(jnp.array, variables), tx.init(params))


def _check_batch(batch: Batch, discriminator_steps: int) -> None:
    shapes = {name: jnp.shape(leaf) for name, leaf in batch.items() if leaf is not None}
    if "real" not in shapes:
        raise ValueError(f'batch must have an entry "real" [k, batch, ...], got {sorted(batch)}')
    if len(shapes["real"]) < 2 or shapes["real"][0] != discriminator_steps:
        raise ValueError(
            f'batch["real"] must be [k, batch, ...] with k = discriminator_steps = {discriminator_steps}, got shape '
            f"{shapes['real']}; stack one minibatch per discriminator update along a leading axis"
        )


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
    if isinstance(network.apply, PerExample):
        offset = 0 if game.axis_name is None else jax.lax.axis_index(game.axis_name) * inputs.shape[0]
        key = example_keys(key, inputs.shape[0], offset)
    else:
        key = _device_key(game, key)
    return network.apply(variables, inputs, condition=condition, key=key, train=True)


def _judge(game: Game, variables, inputs, key, condition) -> tuple[Judgement, Any]:
    outputs, model_state = _apply(game, game.discriminator, variables, inputs, key, condition)
    return (outputs if isinstance(outputs, Judgement) else Judgement(outputs)), model_state


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


def _move_average(state: TrainState, decay: float) -> chex.ArrayTree:
    return optax.incremental_update(state.generator.params, state.average_params, 1 - decay)
