"""Optimizers with schedules for the rate and for the momentum, made of optax.

A schedule is a function of the number of updates done, `count -> value`; optimizers count their own updates, so with
k discriminator updates per step the discriminator's schedules run k times as fast as the generator's.
"""

from collections.abc import Callable
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import optax


class Settings(NamedTuple):
    """What an optimizer needs beside its two schedules.

    Attributes:
      b2: adam, adamw: decay of the squared gradients' average; rmsprop: the same, its `decay`.
      eps: added to the denominator.
      weight_decay: adamw only.
    """

    b2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0


Optimizer = Callable[[optax.Schedule, optax.Schedule | float, Settings], optax.GradientTransformation]


def sgd(
    rate: optax.Schedule, momentum: optax.Schedule | float, settings: Settings = Settings()
) -> optax.GradientTransformation:
    """Stochastic gradient descent with momentum: v ← m·v − rate·g, θ ← θ + v.

    The rate multiplies the gradient as it enters the velocity, as in the paper's code; `optax.sgd` multiplies the
    velocity as it leaves, which differs where the rate changes.

    Source: Goodfellow et al. 2014 (goodfeli/adversarial), pylearn2's SGD with `Momentum`.
    """
    if not callable(momentum):
        velocity = optax.trace(momentum) if momentum else optax.identity()
        return optax.chain(optax.scale_by_learning_rate(rate), velocity)
    return optax.chain(optax.scale_by_learning_rate(rate), optax.inject_hyperparams(optax.trace)(decay=momentum))


def adam(
    rate: optax.Schedule, momentum: optax.Schedule | float, settings: Settings = Settings()
) -> optax.GradientTransformation:
    """Adam, with `momentum` as its β1. Source: Kingma and Ba 2015 (arXiv:1412.6980), Algorithm 1."""
    if not callable(momentum):
        return optax.adam(rate, b1=momentum, b2=settings.b2, eps=settings.eps)
    scale = optax.inject_hyperparams(optax.scale_by_adam, static_args=("eps_root", "nesterov"))
    adaptive = scale(b1=momentum, b2=settings.b2, eps=settings.eps)
    return optax.chain(adaptive, optax.scale_by_learning_rate(rate))


def adamw(
    rate: optax.Schedule, momentum: optax.Schedule | float, settings: Settings = Settings()
) -> optax.GradientTransformation:
    """Adam with decoupled weight decay. Source: Loshchilov and Hutter 2019 (arXiv:1711.05101), Algorithm 2."""
    if not callable(momentum):
        return optax.adamw(rate, b1=momentum, b2=settings.b2, eps=settings.eps, weight_decay=settings.weight_decay)
    scale = optax.inject_hyperparams(optax.scale_by_adam, static_args=("eps_root", "nesterov"))
    adaptive = scale(b1=momentum, b2=settings.b2, eps=settings.eps)
    return optax.chain(
        adaptive, optax.add_decayed_weights(settings.weight_decay), optax.scale_by_learning_rate(rate)
    )  # fmt: skip


def rmsprop(
    rate: optax.Schedule, momentum: optax.Schedule | float, settings: Settings = Settings()
) -> optax.GradientTransformation:
    """RMSProp, the scaled gradient fed to a momentum. Source: Tieleman and Hinton 2012, lecture 6.5."""
    scale = optax.scale_by_rms(decay=settings.b2, eps=settings.eps)
    return optax.chain(scale, sgd(rate, momentum))


class PastMean(NamedTuple):
    """State of `historical_averaging`: the mean of the parameters so far, and of how many."""

    mean: chex.ArrayTree
    count: chex.Array


def historical_averaging(weight: float) -> optax.GradientTransformation:
    """Adds the gradient of w·‖θ − θ̄‖² to a player's, θ̄ the mean of its parameters at all updates so far, this one too.

    Args:
      weight: w ≥ 0; it stands before the optimizer in a chain.

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
    """State of `keep_average`: the optimizer's own, and the parameters' moving average."""

    inner: chex.ArrayTree
    average: chex.ArrayTree


def keep_average(tx: optax.GradientTransformation, decay: chex.Numeric) -> optax.GradientTransformation:
    """The optimizer, keeping ā ← β·ā + (1 − β)·θ of the parameters after each of its updates; ā starts where θ does.

    Args:
      tx: the optimizer, whose updates stay as they are.
      decay: β in [0, 1).

    Returns:
      An optimizer with the state `Averaged`.

    Source: Salimans et al. 2016 (arXiv:1606.03498), the authors' code, with β = .9999 for a discriminator.
    """

    def init(params):
        # A copy: what shares a buffer with the parameters cannot be donated with them.
        return Averaged(tx.init(params), jax.tree.map(jnp.copy, params))

    def update(updates, state, params):
        updates, inner = tx.update(updates, state.inner, params)
        moved = optax.apply_updates(params, updates)
        return updates, Averaged(inner, optax.incremental_update(moved, state.average, 1 - decay))

    return optax.GradientTransformation(init, update)


def clip_weights(bound: float) -> optax.GradientTransformation:
    """Every parameter brought back into [−c, c] after its update: the first WGAN's way to a Lipschitz critic.

    Args:
      bound: c > 0; it stands behind the optimizer in a chain.

    Source: Arjovsky et al. 2017 (arXiv:1701.07875), Algorithm 1, with c = .01.
    """

    def update(updates, state, params):
        return jax.tree.map(lambda u, p: jnp.clip(p + u, -bound, bound) - p, updates, params), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def limit_column_norms(bound: float) -> optax.GradientTransformation:
    """After every update, a unit's incoming weights that are longer than c are scaled down to the norm c.

    Args:
      bound: c > 0, of the norm ‖W_·j‖₂ over all but the last dimension of every kernel, a piece of a maxout unit for
        itself; leaves of fewer than two dimensions, such as biases, are left alone. It stands behind the optimizer in a
        chain.

    Source: the authors' code for Goodfellow et al. 2014 (goodfeli/adversarial), `max_col_norm` of pylearn2, with
    c = 1.9365 in the discriminator for TFD.
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


def optimistic_adam(
    rate: optax.Schedule, momentum: optax.Schedule | float, settings: Settings = Settings()
) -> optax.GradientTransformation:
    """Adam whose step is twice the present one less the one before: it leads where simultaneous players would circle.

    Source: Daskalakis et al. 2018 (arXiv:1711.00141), Algorithm 1.
    """
    if callable(momentum):
        scale = optax.inject_hyperparams(optax.scale_by_adam, static_args=("eps_root", "nesterov"))
        adaptive = scale(b1=momentum, b2=settings.b2, eps=settings.eps)
    else:
        adaptive = optax.scale_by_adam(b1=momentum, b2=settings.b2, eps=settings.eps)
    return optax.chain(adaptive, optax.scale_by_optimistic_gradient(), optax.scale_by_learning_rate(rate))


OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": sgd,
    "adam": adam,
    "adamw": adamw,
    "rmsprop": rmsprop,
    "optimistic_adam": optimistic_adam,
}


def constant(rate: float, **_: float) -> optax.Schedule:
    """The same rate throughout."""
    return optax.constant_schedule(rate)


def exponential(rate: float, *, decay: float, floor: float, **_: float) -> optax.Schedule:
    """rate / decay^t after t updates, and never below `floor`.

    Source: the paper's code, which uses decay = 1.000004 and floor = 1e-6.
    """
    return lambda count: jnp.maximum(rate * jnp.exp(-jnp.log1p(decay - 1.0) * count), floor)


def linear(rate: float, *, floor: float, updates: float, **_: float) -> optax.Schedule:
    """A straight line from `rate` to `floor` over `updates` updates."""
    return optax.linear_schedule(rate, floor, int(updates))


def cosine(rate: float, *, floor: float, updates: float, **_: float) -> optax.Schedule:
    """Half a cosine from `rate` to `floor` over `updates` updates."""
    return optax.cosine_decay_schedule(rate, int(updates), alpha=floor / rate)


RATE_SCHEDULES: dict[str, Callable[..., optax.Schedule]] = {
    "constant": constant,
    "exponential": exponential,
    "linear": linear,
    "cosine": cosine,
}


def momentum_by_epoch(initial: float, final: float, *, epochs: int, updates_per_epoch: float) -> optax.Schedule:
    """Momentum that changes once per epoch, linearly from `initial` in epoch 1 to `final` in epoch `epochs`.

    Args:
      initial: momentum in the first epoch.
      final: momentum in epoch `epochs` and after.
      epochs: over how many epochs, ≥ 1.
      updates_per_epoch: how many updates of this player make an epoch.

    Source: the paper's code, pylearn2's `MomentumAdjustor`: 0.5 to 0.7 over 250 epochs.
    """

    def schedule(count):
        epochs_done = jnp.floor((count + 0.5) / updates_per_epoch)  # half an update clear of rounding at the boundary
        return initial + (final - initial) * jnp.clip(epochs_done / max(epochs - 1, 1), 0.0, 1.0)

    return schedule
