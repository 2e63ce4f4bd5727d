"""Optimizers with learning rate and momentum schedules, built on optax.

A schedule is a function `count -> value` of the number of updates done. Each optimizer counts its own updates, so with
k discriminator updates per step the discriminator's schedules run k times as fast as the generator's.
"""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, TypeAlias

import chex
import jax
import jax.numpy as jnp
import optax

from jaxgan.fields import Count, Decay, Field, Momentum, Positive, Weight
from jaxgan.tables import Table

Rate: TypeAlias = optax.Schedule | chex.Numeric


def sgd(learning_rate: Rate, *, momentum: Momentum = 0.0) -> optax.GradientTransformation:
    """Stochastic gradient descent with momentum: v ← m·v − rate·g, θ ← θ + v.

    The learning rate multiplies the gradient before it enters the velocity, as in the paper's code. `optax.sgd`
    multiplies the velocity afterwards, which differs if the rate changes.

    Args:
      learning_rate: a number or a schedule.
      momentum: m in [0, 1), or a schedule.

    Source: Goodfellow et al. 2014 (goodfeli/adversarial), pylearn2's SGD with `Momentum`.
    """
    rate = optax.scale_by_learning_rate(learning_rate)
    if callable(momentum):
        return optax.chain(rate, optax.inject_hyperparams(optax.trace)(decay=momentum))
    if isinstance(momentum, int | float) and momentum == 0:
        return optax.chain(rate, optax.identity())
    return optax.chain(rate, optax.trace(momentum))


def adam(
    learning_rate: Rate, *, b1: Momentum = 0.5, b2: Decay = 0.999, eps: Positive = 1e-8
) -> optax.GradientTransformation:
    """Adam.

    Args:
      learning_rate: a number or a schedule.
      b1: decay of the mean gradient, in [0, 1), or a schedule.
      b2: decay of the mean squared gradient, in [0, 1).
      eps: added to the denominator, > 0.

    Source: Kingma and Ba 2015 (arXiv:1412.6980), Algorithm 1.
    """
    return optax.chain(_scale_by_adam(b1, b2, eps), optax.scale_by_learning_rate(learning_rate))


def adamw(
    learning_rate: Rate,
    *,
    b1: Momentum = 0.5,
    b2: Decay = 0.999,
    eps: Positive = 1e-8,
    weight_decay: Weight = 0.0,
) -> optax.GradientTransformation:
    """Adam with decoupled weight decay.

    Args:
      learning_rate, b1, b2, eps: as in `adam`.
      weight_decay: λ ≥ 0; adds −rate·λ·θ to the update.

    Source: Loshchilov and Hutter 2019 (arXiv:1711.05101), Algorithm 2.
    """
    decay = optax.add_decayed_weights(weight_decay)
    return optax.chain(_scale_by_adam(b1, b2, eps), decay, optax.scale_by_learning_rate(learning_rate))


def rmsprop(
    learning_rate: Rate, *, b2: Decay = 0.999, eps: Positive = 1e-8, momentum: Momentum = 0.0
) -> optax.GradientTransformation:
    """RMSProp; the scaled gradient then goes through momentum.

    Args:
      learning_rate: a number or a schedule.
      b2: decay of the mean squared gradient, in [0, 1).
      eps: added to the denominator, > 0.
      momentum: as in `sgd`.

    Source: Tieleman and Hinton 2012, lecture 6.5.
    """
    return optax.chain(optax.scale_by_rms(decay=b2, eps=eps), sgd(learning_rate, momentum=momentum))


def optimistic_adam(
    learning_rate: Rate, *, b1: Momentum = 0.5, b2: Decay = 0.999, eps: Positive = 1e-8
) -> optax.GradientTransformation:
    """Adam whose update is twice the current step minus the previous one; arguments as in `adam`.

    Source: Daskalakis et al. 2018 (arXiv:1711.00141), Algorithm 1.
    """
    return optax.chain(
        _scale_by_adam(b1, b2, eps),
        optax.scale_by_optimistic_gradient(),
        optax.scale_by_learning_rate(learning_rate),
    )


def _scale_by_adam(b1: Rate, b2: chex.Numeric, eps: chex.Numeric) -> optax.GradientTransformation:
    if callable(b1):
        scale = optax.inject_hyperparams(optax.scale_by_adam, static_args=("eps_root", "nesterov"))
    else:
        scale = optax.scale_by_adam
    tx = scale(b1=b1, b2=b2, eps=eps)
    return optax.GradientTransformation(tx.init, _with_standard_promotion(tx.update))


def _with_standard_promotion(function: Callable[..., Any]) -> Callable[..., Any]:
    """An optax function that works under jax_numpy_dtype_promotion=strict, although it mixes floats and integers."""

    def call(*arguments):
        with jax.numpy_dtype_promotion("standard"):
            return function(*arguments)

    return call


OPTIMIZERS: dict[str, Callable[..., optax.GradientTransformation]] = Table("optimizer") | {
    "sgd": sgd,
    "adam": adam,
    "adamw": adamw,
    "rmsprop": rmsprop,
    "optimistic_adam": optimistic_adam,
}
"""Optimizers by name: functions of the learning rate and of their own parameters, which are config fields."""


class PastMean(NamedTuple):
    """State of `historical_averaging`: the mean of the past parameters, and their number."""

    mean: chex.ArrayTree
    count: chex.Array


def historical_averaging(weight: float) -> optax.GradientTransformation:
    """Adds the gradient of w·‖θ − θ̄‖² to a player's; θ̄ is the mean of its parameters over all updates up to this one.

    In a chain, put it before the optimizer.

    Source: Salimans et al. 2016 (arXiv:1606.03498), section 3.3.
    """

    def init(params):
        return PastMean(jax.tree.map(jnp.zeros_like, params), jnp.zeros((), jnp.int32))

    def update(updates, state, params):
        count = state.count + 1
        mean = jax.tree.map(lambda m, p: m + (p - m) / count, state.mean, params)
        pull = jax.tree.map(lambda g, p, m: g + 2 * weight * (p - m), updates, params, mean)
        return pull, PastMean(mean, count)

    return optax.GradientTransformation(init, update)


class Averaged(NamedTuple):
    """State of `keep_average`: the optimizer's state, and the moving average of the parameters."""

    inner: chex.ArrayTree
    average: chex.ArrayTree


def keep_average(tx: optax.GradientTransformation, decay: chex.Numeric) -> optax.GradientTransformation:
    """An optimizer that also maintains ā ← β·ā + (1 − β)·θ after each of its updates, in the state `Averaged`.

    ā is initialised to the parameters θ. The decay β is in [0, 1).

    Source: Salimans et al. 2016 (arXiv:1606.03498), the authors' code, with β = .9999 for a discriminator.
    """

    def init(params):
        # A copy, since a buffer shared with the parameters could not be donated together with them.
        return Averaged(tx.init(params), jax.tree.map(jnp.copy, params))

    def update(updates, state, params):
        updates, inner = tx.update(updates, state.inner, params)
        moved = optax.apply_updates(params, updates)
        return updates, Averaged(inner, optax.incremental_update(moved, state.average, 1 - decay))

    return optax.GradientTransformation(init, update)


def clip_weights(bound: float) -> optax.GradientTransformation:
    """Clips every parameter to [−c, c] after its update, as in the first WGAN. In a chain, put it after the optimizer.

    Source: Arjovsky et al. 2017 (arXiv:1701.07875), Algorithm 1, with c = .01.
    """

    def update(updates, state, params):
        return jax.tree.map(lambda u, p: jnp.clip(p + u, -bound, bound) - p, updates, params), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def limit_column_norms(bound: float) -> optax.GradientTransformation:
    """After each update, rescales the incoming weights of a unit to norm c if their norm is larger.

    The norm ‖W_·j‖₂ is over all but the last dimension of a kernel, for each piece of a maxout unit separately. Biases
    and other leaves with fewer than two dimensions do not change. In a chain, put it after the optimizer.

    Source: the authors' code for Goodfellow et al. 2014 (goodfeli/adversarial), `max_col_norm` of pylearn2, with
    c = 1.9365 in both players for TFD.
    """

    def limited(update, param):
        if jnp.ndim(param) < 2:
            return update
        moved = param + update
        squares = jnp.square(moved).sum(tuple(range(moved.ndim - 1)), keepdims=True)
        long = squares > bound * bound
        return jnp.where(long, moved * (bound / jnp.sqrt(jnp.where(long, squares, 1.0))) - param, update)

    def update(updates, state, params):
        return jax.tree.map(limited, updates, params), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def constant(learning_rate: Positive) -> optax.Schedule:
    """A constant learning rate."""
    return optax.constant_schedule(learning_rate)


def exponential(
    learning_rate: Positive,
    *,
    rate_decay: Annotated[float, Field(low=1)] = 1.0,
    rate_floor: Weight = 0.0,
) -> optax.Schedule:
    """rate / decay^t after t updates, but never below the floor.

    Args:
      learning_rate: the rate of the first update.
      rate_decay: ≥ 1; not an array, since single precision rounds the excess of 1.000004 over 1 by 1 %.
      rate_floor: ≥ 0.

    Source: the paper's code, which uses a decay of 1.000004 and a floor of 1e-6.
    """
    return lambda count: jnp.maximum(learning_rate * jnp.exp(-jnp.log1p(rate_decay - 1.0) * count), rate_floor)


def linear(
    learning_rate: Annotated[float, Field(low=0, open_low=True)],
    *,
    rate_floor: Annotated[float, Field(low=0)] = 0.0,
    updates: float,
) -> optax.Schedule:
    """Linear from the learning rate to the floor over `updates` updates."""
    return _with_standard_promotion(optax.linear_schedule(learning_rate, rate_floor, int(updates)))


def cosine(
    learning_rate: Annotated[float, Field(low=0, open_low=True)],
    *,
    rate_floor: Annotated[float, Field(low=0)] = 0.0,
    updates: float,
) -> optax.Schedule:
    """Half a cosine from the learning rate to the floor over `updates` updates."""
    schedule = optax.cosine_decay_schedule(learning_rate, int(updates), alpha=rate_floor / learning_rate)
    return _with_standard_promotion(schedule)


RATE_SCHEDULES: dict[str, Callable[..., optax.Schedule]] = Table("schedule of the rate") | {
    "constant": constant,
    "exponential": exponential,
    "linear": linear,
    "cosine": cosine,
}
"""Learning rate schedules by name; `updates` is the number of the optimizer's updates in the run."""


def constant_momentum(momentum: Decay) -> chex.Numeric:
    """A constant momentum."""
    return momentum


def momentum_by_epoch(
    momentum: Annotated[float, Field(low=0, high=1, open_high=True)],
    *,
    momentum_final: Annotated[float, Field(low=0, high=1, open_high=True)] = 0.0,
    momentum_epochs: Count = 1,
    updates_per_epoch: float,
) -> optax.Schedule:
    """Momentum that changes once per epoch, linearly from its initial value to `momentum_final`.

    Args:
      momentum: value in the first epoch.
      momentum_final: value from epoch `momentum_epochs` on.
      momentum_epochs: ≥ 1.
      updates_per_epoch: number of this player's updates per epoch.

    Source: the paper's code, pylearn2's `MomentumAdjustor`: 0.5 to 0.7 over 250 epochs.
    """

    def schedule(count):
        epochs_done = jnp.floor((count + 0.5) / updates_per_epoch)  # the half avoids rounding at the boundary
        return momentum + (momentum_final - momentum) * jnp.clip(epochs_done / max(momentum_epochs - 1, 1), 0.0, 1.0)

    return schedule


MOMENTUM_SCHEDULES: dict[str, Callable[..., optax.Schedule | chex.Numeric]] = Table("schedule of the momentum") | {
    "constant": constant_momentum,
    "linear": momentum_by_epoch,
}
"""Momentum schedules (of b1 for Adam) by name."""
