"""Algorithm 1 of Goodfellow et al. 2014 as pure functions.

    train_step(state, batch):                                # batch["real"]: [k, batch, ...]
        keys for this step = fold_in(state.key, state.step)
        for j in 1..k:                                       # discriminator_steps
            z ~ p_z, x = batch["real"][j]                    # fresh latents and data
            psi <- optimizer(psi, grad_psi L_D(psi, theta))  # the generator is fixed
        for j in 1..generator_steps:
            z ~ p_z, x = batch["real"][k - 1]                # for losses that compare: the last data, or its own
            theta <- optimizer(theta, grad_theta L_G(psi, theta))  # against the updated discriminator
        average <- decay * average + (1 - decay) * theta
        return state of step + 1, metrics

L_D and L_G are in `jaxgan.training.objectives`; means over devices, and optimizer steps, in
`jaxgan.training.gradients`. A player's update returns only that player's state, so it cannot change the other's
parameters or model state. Nothing here depends on devices; `jaxgan.parallel` maps the step. Four options change the
loops: `coordination` chooses k adaptively, `unrolled_steps` lets the generator face the discriminator after its next
updates, `updates="simultaneous"` lets it face the one before the step, and `extragradient` replaces the loops.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import chex
import jax
import jax.numpy as jnp
import optax

from jaxgan.fields import check_count, given
from jaxgan.training.coordination import Coordination, coordinate, due
from jaxgan.training.gradients import (
    Gradient,
    LossFunction,
    add_consensus,
    apply_gradients,
    compute_gradient,
    mean_state,
)
from jaxgan.training.init import (
    check_batch,
    check_condition,
    check_latent,
    check_network,
    check_state,
    check_step,
    misfit,
    start_average,
)
from jaxgan.training.init import init_state as init_state
from jaxgan.training.latent_optimization import LatentOptimization
from jaxgan.training.objectives import (
    GANSpec,
    MisuseError,
    discriminator_objective,
    generator_objective,
)
from jaxgan.types import (
    Batch,
    BatchShard,
    Latent,
    Lazy,
    Loss,
    Metrics,
    Network,
    Penalty,
    PlayerState,
    Term,
    TrainState,
    device_varying,
    stream,
)

TrainStep = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]


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
    penalties: Sequence[Penalty | Lazy] = (),
    average_decay: float | None = None,
    average_debias: bool = False,
    accumulation_steps: int = 1,
    unrolled_steps: int = 0,
    coordination: Coordination | None = None,
    consensus: chex.Numeric | None = None,
    updates: str = "alternating",
    extragradient: bool = False,
    terms: Sequence[Term] = (),
    latent_optimization: LatentOptimization | None = None,
    generator_batches: int = 0,
    condition_prior: Callable[[chex.PRNGKey, int], chex.ArrayTree] | None = None,
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
      penalties: functions `(critic, real, fake, key) -> scalar` added to the discriminator's loss; see
        `jaxgan.losses.penalties`.
      average_decay: decay β in [0, 1) of the moving average ā ← β·ā + (1 − β)·θ_g, updated once per step; None for no
        average. If the generator has model state, such as batch statistics, ā gets its own: each step passes latents
        through the averaged generator once, in training mode.
      average_debias: removes the weight βⁿ of the initial parameters from the average after n steps: the other weights,
        (1 − β)·βⁿ⁻ⁱ of step i, are divided by their sum, 1 − βⁿ. n is the state's step, so β must not change and the
        average must start at step 0.
      accumulation_steps: number of parts in which each device computes its batch, one after another, for batches that
        do not fit in memory; losses, metrics and gradients are averaged over the parts. If the loss is a mean over
        examples, the result equals that of the whole batch up to rounding. Anything that compares examples sees one
        part at a time: losses with `compares`, the means of terms, the deviation of `dragan`, batch statistics,
        minibatch layers, an adaptive augmentation, an unrolled discriminator; so do networks without keys per example.
      unrolled_steps: m ≥ 0: the generator minimises its loss against the discriminator as it will be m updates later
        (with its own optimizer, on the same minibatch). The gradient passes through these updates.
      coordination: which of the k discriminator updates are made; see `Coordination`. None for all.
      consensus: γ ≥ 0: each update also minimises γ·½‖v‖², where v are the gradients of both players' losses at the
        current parameters, on the update's minibatch and latents; see `jaxgan.training.gradients.add_consensus`. None
        or 0: off.
      updates: one of `UPDATES`. "alternating": the generator faces the updated discriminator, with its own latents, as
        in Algorithm 1. "simultaneous": it faces the discriminator from before the step, with the latents and the noise
        (such as dropout masks) of the discriminator's last update. With k = 1 both gradients then belong to the same
        point and draw, as in the authors' code (goodfeli/adversarial). Such a step has one generator update.
      extragradient: replaces Algorithm 1: both players move at once, by the gradients at the point that a first step of
        both leads to; see `extragradient_updates`. A step makes one update of each player, and advances each
        optimizer's count by two.
      terms: further terms of both players' losses, which read features, class logits, latents or labels; see
        `jaxgan.losses.terms`. The metrics `d_terms` and `g_terms` are their sums.
      latent_optimization: moves the latents of both players' updates; see `LatentOptimization`. None: off.
      generator_batches: r ≥ 0, the number of minibatches of its own that each generator update sees, as one batch of
        r·batch examples. They follow the discriminator's in the step's batch. 0: it sees the last minibatch that was
        due for the discriminator.
      condition_prior: `(key, count) -> conditions [count, ...]` of the generated examples, in both players' updates;
        data keeps its own conditions. None: generated examples get the data's conditions. Cannot be combined with
        penalties, which judge points between and around examples under a single condition.
      axis_name: name of the device axis when the step runs under pmap or shard_map.

    Returns:
      A pure function. `batch` is `{"real": [n, batch, ...]}` with n = k + generator_steps·r minibatches, and optionally
      `"condition": [n, batch, ...]`. The examples are floats in the range of the generator's output
      (`RANGES["unit"].scale(images)` converts bytes). The metrics are scalars: the discriminator's are means over its k
      updates, the generator's over its own. A batch of integers, or with other entries, raises a ValueError.

    Raises:
      ValueError: a count is below 1, `average_decay` lies outside [0, 1), the loss is a name, `penalties` or `terms`
        is not a sequence, or two arguments exclude each other.
    """
    if isinstance(consensus, int | float) and consensus == 0:
        consensus = None
    spec = GANSpec(
        generator=generator,
        discriminator=discriminator,
        loss=loss,
        generator_tx=generator_tx,
        discriminator_tx=discriminator_tx,
        latent=latent,
        penalties=penalties,
        axis_name=axis_name,
        accumulation_steps=accumulation_steps,
        unrolled_steps=unrolled_steps,
        consensus=consensus,
        terms=terms,
        latent_optimization=latent_optimization,
        condition_prior=condition_prior,
    )
    counts = discriminator_steps, generator_steps
    check_step(spec, *counts, average_decay, coordination, updates, extragradient, generator_batches)
    if average_debias and average_decay is None:
        raise ValueError("average_debias is of a moving average: give average_decay, too")
    spec = spec._replace(penalties=tuple(penalties), terms=tuple(terms))
    spec = spec._replace(generator=generator.named("generator"), discriminator=discriminator.named("discriminator"))

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        check_state(state, generator_tx, discriminator_tx)
        check_batch(batch, discriminator_steps, generator_steps * generator_batches)
        if condition_prior is not None and batch.get("condition") is None:
            raise ValueError('condition_prior draws conditions of generated examples: batch needs a "condition" too')
        if average_decay is not None:
            state = start_average(state)
        elif state.average_params is not None:
            given_both = "give make_train_step average_decay=0.999, or init_state average=False"
            raise ValueError(f"the state has an average, which this step would never move; {given_both}")

        # Both players' updates.
        key = jax.random.fold_in(state.key, state.step)
        minibatches = {name: leaf for name, leaf in batch.items() if leaf is not None}
        own = jax.tree.map(lambda x: x[discriminator_steps:], minibatches) if generator_batches else None
        minibatches = jax.tree.map(lambda x: x[:discriminator_steps], minibatches)
        first = jax.tree.map(lambda x: x[0], minibatches)
        try:
            if extragradient:
                players = extragradient_updates(spec, state, key, first["real"], first.get("condition"))
            else:
                at_once = updates == "simultaneous"
                players = _updates_in_turn(spec, state, key, minibatches, own, generator_steps, coordination, at_once)
        except MisuseError:
            raise
        except Exception as error:
            if why := _misfit(spec, state, first):
                raise MisuseError(why) from error
            raise
        discriminator_player, generator_player, metrics = players

        state = state.replace(step=state.step + 1, generator=generator_player, discriminator=discriminator_player)
        if average_decay is not None:
            state = _update_average(state, average_decay, average_debias)
            if state.average_state is not None:
                state = state.replace(average_state=_average_state(spec, state, stream(key, "average"), minibatches))
        return state, metrics

    return train_step


def _misfit(spec: GANSpec, state: TrainState, minibatch) -> str:
    """Says which network the state does not belong to, and why; "" if it fits both."""
    condition = minibatch.get("condition")
    latents = spec.latent.sample(state.key, 2)
    made_condition = jax.tree.map(lambda x: x[:2], condition)
    return misfit("generator", spec.generator, state.generator, latents, made_condition) or misfit(
        "discriminator", spec.discriminator, state.discriminator, minibatch["real"], condition
    )


def _update_average(state: TrainState, decay: chex.Numeric, debias: bool) -> TrainState:
    """Updates the moving average of the parameters after a step."""
    share: chex.Numeric = 1 - decay
    if debias:
        steps, decay = state.step.astype(jnp.float32), jnp.asarray(decay, jnp.float32)
        share = share / -jnp.expm1(steps * jnp.log(decay))  # 1 − βⁿ, without cancellation
    average = optax.incremental_update(state.generator.params, state.average_params, share)
    return state.replace(average_params=average)


def _average_state(spec: GANSpec, state: TrainState, key: chex.PRNGKey, minibatches) -> Any:
    """The averaged generator's own model state after a pass in training mode, on as many latents as a part has."""
    assert state.average_state is not None
    count = minibatches["real"].shape[1] // spec.accumulation_steps
    latent_key, noise_key = jax.random.split(key)
    condition = jax.tree.map(lambda x: x[-1, :count], minibatches.get("condition"))
    condition = _made_condition(spec, latent_key, condition, count)
    latents, shard = _draw(spec, spec.latent.sample, latent_key, count), BatchShard(spec.axis_name)
    variables = {"params": state.average_params, **state.average_state}
    _, model_state = shard.apply(spec.generator, variables, latents, noise_key, condition)
    return mean_state(model_state, spec.axis_name)


def _updates_in_turn(
    spec: GANSpec,
    state: TrainState,
    key: chex.PRNGKey,
    minibatches,
    own,
    generator_steps: int,
    coordination,
    at_once: bool,
) -> tuple[PlayerState, PlayerState, Metrics]:
    """Algorithm 1: one discriminator update per minibatch [k, batch, ...], then the generator updates, on the last
    minibatch that was due or on minibatches `own` [generator_steps·r, batch, ...].

    With `at_once`, the single generator update faces the old discriminator, and uses the key of its last due update.
    """
    keys = jax.random.split(key)
    discriminator_keys = jax.random.split(keys[0], len(minibatches["real"]))
    generator_keys = jax.random.split(keys[1], generator_steps)

    # The discriminator, k times, against the current generator.
    def update_discriminator(player, inputs):
        key, minibatch = inputs
        current = state.replace(discriminator=player)
        return discriminator_update(spec, current, key, minibatch["real"], minibatch.get("condition"))

    updates = update_discriminator, state.discriminator, (discriminator_keys, minibatches)
    latest: Any = -1
    if coordination is None:
        discriminator, d_metrics = jax.lax.scan(*updates)
        d_metrics = jax.tree.map(jnp.mean, d_metrics)
    else:
        discriminator, d_metrics = coordinate(coordination, state.step, *updates)
        latest = due(coordination, state.step, len(discriminator_keys)) - 1

    # The generator, against the updated or the old discriminator, on the last minibatch that was due.
    opponent = state.discriminator if at_once else discriminator
    last = jax.tree.map(lambda x: x[latest], minibatches)
    if at_once:
        generator_keys = discriminator_keys[latest][None]

    def update_generator(player, inputs):
        key, own = inputs
        minibatch = last if own is None else own
        current = state.replace(generator=player, discriminator=opponent)
        return generator_update(spec, current, key, minibatch["real"], minibatch.get("condition"))

    own = jax.tree.map(functools.partial(_joined, count=generator_steps), own)
    generator, g_metrics = jax.lax.scan(update_generator, state.generator, (generator_keys, own))
    return discriminator, generator, d_metrics | jax.tree.map(jnp.mean, g_metrics)


def _joined(minibatches: chex.Array, count: int) -> chex.Array:
    """Joins minibatches [count·r, batch, ...] to [count, batch·r, ...].

    Joins row by row: a device, which has some rows of every minibatch, gets consecutive rows of the joined batch.
    """
    each = minibatches.reshape(count, -1, *minibatches.shape[1:]).swapaxes(1, 2)
    return each.reshape(count, -1, *each.shape[3:])


def extragradient_updates(
    spec: GANSpec, state: TrainState, key: chex.PRNGKey, real: chex.Array, condition: chex.ArrayTree | None = None
) -> tuple[PlayerState, PlayerState, Metrics]:
    """ω′ = ω − η·v(ω), then ω ← ω − η·v(ω′), with ω = (ψ, θ) and v = (∇_ψ L_D, ∇_θ L_G): one step of both players.

    −η·v is the update that a player's optimizer computes from its gradient. The optimizer sees both gradients in turn:
    its moments and schedules advance with both, but both updates start from ω. The players' model states advance with
    both too.

    Arguments are as for `discriminator_update`. All four gradients see the same minibatch, and each has its own latents
    and noise. The metrics are those at ω′.

    Source: Korpelevich 1976; Gidel et al. 2019 (arXiv:1802.10551), section 3.2, and Algorithm 4, option 1, for Adam,
    where the second gradients use a separate minibatch.
    """
    names = ("discriminator", "generator")
    keys = {name: jax.random.split(k) for name, k in zip(names, jax.random.split(key), strict=True)}

    def step_from_origin(point: TrainState, keys):
        """Both players' steps from ω, with the gradients at `point`."""
        d_gradient = discriminator_gradient(spec, point, keys["discriminator"], real, condition)
        g_gradient = generator_gradient(spec, point, keys["generator"], real, condition)
        discriminator = point.discriminator.replace(params=state.discriminator.params)
        generator = point.generator.replace(params=state.generator.params)
        end = point.replace(
            discriminator=apply_gradients(discriminator, d_gradient, spec.discriminator_tx),
            generator=apply_gradients(generator, g_gradient, spec.generator_tx),
        )
        return end, d_gradient.metrics | g_gradient.metrics

    # A scan compiles the gradients once. It also keeps XLA from recomputing ω′ with different rounding where it is
    # used. The gradient of a maximum, which searches for the largest value, may then find none, and become NaN.
    end, metrics = jax.lax.scan(step_from_origin, state, keys)
    return end.discriminator, end.generator, jax.tree.map(lambda values: values[-1], metrics)


def discriminator_update(
    spec: GANSpec, state: TrainState, key: chex.PRNGKey, real: chex.Array, condition: chex.ArrayTree | None = None
) -> tuple[PlayerState, Metrics]:
    """One discriminator update on one minibatch and fresh latents, with the generator fixed.

    Args:
      spec: the networks, loss and optimizers.
      state: both players before the update.
      key: draws the latents and the networks' noise.
      real: [batch, ...], this device's share of a minibatch of data.
      condition: [batch, ...], or None.

    Returns:
      The discriminator's new state, and scalar metrics: loss, accuracy, mean logits and the gradient's norm.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), Algorithm 1, inner loop.
    """
    gradient = discriminator_gradient(spec, state, key, real, condition)
    return apply_gradients(state.discriminator, gradient, spec.discriminator_tx), gradient.metrics


def discriminator_gradient(
    spec: GANSpec, state: TrainState, key: chex.PRNGKey, real: chex.Array, condition: chex.ArrayTree | None = None
) -> Gradient:
    """The gradient that `discriminator_update` applies."""
    names = ("latent", "generator", "real", "fake", "critic", "penalty")
    keys = dict(zip(names, jax.random.split(key, len(names)), strict=True))
    batch = _with_draws(spec, keys["latent"], real, condition)
    loss_fn = discriminator_objective(spec, state, keys)

    def generator_loss(params):
        """The generator's loss against a discriminator with these parameters, for consensus."""
        return generator_objective(spec, lambda *_: {"params": params, **state.discriminator.model_state}, keys)

    gradient = _gradient(spec, loss_fn, state.discriminator, generator_loss, state.generator, batch)
    norm = optax.tree.norm(gradient.grads)
    return gradient._replace(metrics={"d_loss": gradient.loss, **gradient.metrics, "d_gradient_norm": norm})


def generator_update(
    spec: GANSpec, state: TrainState, key: chex.PRNGKey, real: chex.Array, condition: chex.ArrayTree | None = None
) -> tuple[PlayerState, Metrics]:
    """One generator update on fresh latents, with the discriminator fixed.

    Arguments are as for `discriminator_update`; the discriminator is the updated one, unless both players move at once.
    The same key gives both players' updates the same latents and noise. Relativistic losses compare with `real`; for
    other losses, XLA drops its path through the discriminator.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), Algorithm 1, outer loop.
    """
    gradient = generator_gradient(spec, state, key, real, condition)
    return apply_gradients(state.generator, gradient, spec.generator_tx), gradient.metrics


def generator_gradient(
    spec: GANSpec, state: TrainState, key: chex.PRNGKey, real: chex.Array, condition: chex.ArrayTree | None = None
) -> Gradient:
    """The gradient that `generator_update` applies."""
    # The first names are the discriminator's, and so are their keys: a split's keys do not depend on their number.
    names = ("latent", "generator", "real", "fake") + (() if spec.consensus is None else ("critic", "penalty"))
    keys = dict(zip(names, jax.random.split(key, len(names)), strict=True))
    batch = _with_draws(spec, keys["latent"], real, condition)

    def discriminator_variables(params, batch, shard):
        return _unrolled_discriminator(spec, state, params, batch, shard, keys["real"]).variables

    loss_fn = generator_objective(spec, discriminator_variables, keys)

    def discriminator_loss(params):
        """The discriminator's loss against a generator with these parameters, for consensus."""
        moved = state.replace(generator=state.generator.replace(params=params))
        return discriminator_objective(spec, moved, keys)

    gradient = _gradient(spec, loss_fn, state.generator, discriminator_loss, state.discriminator, batch)
    norm = optax.tree.norm(gradient.grads)
    return gradient._replace(metrics={"g_loss": gradient.loss, **gradient.metrics, "g_gradient_norm": norm})


def _gradient(
    spec: GANSpec,
    loss_fn: LossFunction,
    player: PlayerState,
    opponent_loss: Callable[[Any], LossFunction],
    opponent: PlayerState,
    batch,
) -> Gradient:
    """A player's gradient, with the gradient of consensus if the spec has it."""
    shard = BatchShard(spec.axis_name, spec.accumulation_steps)
    gradient = compute_gradient(loss_fn, player, batch, shard)
    if spec.consensus is None:
        return gradient
    return add_consensus(gradient, spec.consensus, loss_fn, player, opponent_loss, opponent, batch, shard)


def _with_draws(spec: GANSpec, key: chex.PRNGKey, real: chex.Array, condition: chex.ArrayTree | None) -> Batch:
    """A minibatch with latents, and the conditions of the examples generated from them."""
    count = real.shape[0]
    made = _made_condition(spec, key, condition, count)
    return {
        "real": real,
        "latent": _draw(spec, spec.latent.sample, key, count),
        "condition": condition,
        "made_condition": made,
    }


def _made_condition(spec: GANSpec, key: chex.PRNGKey, condition: chex.ArrayTree | None, count: int) -> Any:
    """The conditions of generated examples: drawn, or those of the real examples."""
    if spec.condition_prior is None:
        return condition
    made = _draw(spec, spec.condition_prior, stream(key, "condition"), count)
    if wrong := [leaf.shape for leaf in jax.tree.leaves(made) if leaf.shape[:1] != (count,)]:
        raise ValueError(f"condition_prior(key, count) must return [count, ...], got {wrong[0]} of {count}")
    return made


def _draw(spec: GANSpec, sample: Callable[[chex.PRNGKey, int], Any], key: chex.PRNGKey, count: int) -> Any:
    """This device's rows of a draw for the global batch, which makes them independent of the number of devices."""
    return BatchShard(spec.axis_name).draw(functools.partial(sample, key), count)


def _unrolled_discriminator(
    spec: GANSpec, state: TrainState, generator_params, batch, shard: BatchShard, key: chex.PRNGKey
) -> PlayerState:
    """The discriminator after its next `unrolled_steps` updates against a generator, differentiable in its parameters.

    The updates use the batch of all devices; with `accumulation_steps`, this part of it.
    """
    if not spec.unrolled_steps:
        return state.discriminator
    optimizer = _differentiable(spec.discriminator_tx)
    plain = spec._replace(accumulation_steps=1, unrolled_steps=0, discriminator_tx=optimizer)
    state = state.replace(generator=state.generator.replace(params=generator_params))
    for i in range(spec.unrolled_steps):
        update_key = shard._replace(axis_name=None).key(jax.random.fold_in(key, i))
        discriminator, _ = discriminator_update(plain, state, update_key, batch["real"], batch["condition"])
        state = state.replace(discriminator=discriminator)
    return device_varying(state.discriminator, spec.axis_name)


def _differentiable(tx: optax.GradientTransformation) -> optax.GradientTransformation:
    """The optimizer with derivative 0 where a gradient is 0: Adam's square root has no derivative there, and gives NaN.

    Units that are dead on the whole batch have such gradients. A gradient below 1e-15 becomes 0 when squared.
    """

    def update(grads, state, params):
        held = jax.tree.map(lambda g: jnp.where(jnp.abs(g) < 1e-15, jax.lax.stop_gradient(g), g), grads)
        return tx.update(held, state, params)

    return optax.GradientTransformation(tx.init, update)


class _AverageStarts(Exception):
    """Raised by a step that has started the moving average of a state without one."""


def scan_steps(train_step: TrainStep) -> TrainStep:
    """Many steps `(state, batches [steps, k, batch, ...]) -> (state, metrics [steps])` in one compiled loop.

    Scanning n steps gives the same result as n single steps.
    """

    def step(state, batch):
        after, metrics = train_step(state, batch)
        averages = [(getattr(state, name), getattr(after, name)) for name in ("average_params", "average_state")]
        if any(before is None and now is not None for before, now in averages):
            raise _AverageStarts
        return after, metrics

    def steps(state: TrainState, batches: Batch) -> tuple[TrainState, Metrics]:
        try:
            return jax.lax.scan(step, state, batches)
        except _AverageStarts:  # a scan's carry cannot gain a field, so the average starts before it
            return jax.lax.scan(train_step, start_average(state), batches)

    return steps


def sample(
    generator: Network,
    state: TrainState,
    key: chex.PRNGKey,
    count: int,
    *,
    latent: Latent,
    condition: chex.ArrayTree | None = None,
) -> chex.Array:
    """Generates examples G(z), z ~ p_z, with the averaged parameters if the state has them.

    Args:
      generator: the generator's network.
      state: a `TrainState`, or any object with its `generator` and `average_params`.
      key: draws the latents.
      count: number of examples.
      latent: the prior p_z(z).
      condition: [count, ...], or None.

    Raises:
      ValueError: the number of conditions is not `count`, an argument has the wrong type, or the generator, the latent
        and the condition do not fit the state.
    """
    check_network("generator", generator)
    check_latent(latent)
    if not hasattr(key, "dtype"):
        raise ValueError(f"key must be a key, such as jax.random.key(0), got {given(key)}")
    check_count("count", count, 0)
    return generate(generator, state, latent.sample(key, count), condition=condition)


def generate(
    generator: Network, state: TrainState, latents: chex.Array, *, condition: chex.ArrayTree | None = None
) -> chex.Array:
    """G(z) for given latents [count, dim], with averaged parameters if the state has them; `sample` draws latents."""
    check_network("generator", generator)
    if not hasattr(state, "average_params"):
        raise ValueError(f"state must be a TrainState, from init_state or a training step, got {given(state)}")
    check_condition(condition, latents.shape[:1], "condition")
    try:
        return generator.apply(averaged(state), latents, condition=condition, train=False)[0]
    except Exception as error:
        if why := misfit("generator", generator, state.generator, latents, condition):
            raise ValueError(why) from error
        raise


def averaged(state: TrainState) -> dict[str, Any]:
    """The generator's variables, with the averaged parameters if the state has them."""
    params, model_state = state.generator.params, state.generator.model_state
    if state.average_params is not None:
        params, model_state = state.average_params, getattr(state, "average_state", None) or model_state
    return {"params": params, **model_state}


Game = GANSpec
"""Earlier name."""
