"""Optimizers against their formulas in numpy, with the paper's schedules."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.fields import parameters
from jaxgan.optimizers import (
    OPTIMIZERS,
    RATE_SCHEDULES,
    clip_weights,
    exponential,
    historical_averaging,
    limit_column_norms,
    momentum_by_epoch,
)

GRADIENTS = [np.array([1.0, -2.0]), np.array([0.5, 0.3]), np.array([-1.0, 4.0]), np.array([2.0, 0.1])]


def _run(tx):
    params = jnp.array([0.5, -0.5])
    state = tx.init(params)
    for gradient in GRADIENTS:
        updates, state = tx.update(jnp.asarray(gradient, jnp.float32), state, params)
        params = optax.apply_updates(params, updates)
    return np.asarray(params)


def test_sgd_is_the_papers_with_a_changing_rate_and_momentum():
    rate = exponential(0.1, rate_decay=1.5, rate_floor=0.04)
    momentum = momentum_by_epoch(0.5, momentum_final=0.7, momentum_epochs=3, updates_per_epoch=2)
    params, velocity = np.array([0.5, -0.5]), 0.0
    # rates .1, .0667, .0444, floor .04; momenta .5 .5 (epoch 1), .6 .6 (epoch 2)
    for gradient, lr, m in zip(GRADIENTS, [0.1, 0.1 / 1.5, 0.1 / 1.5**2, 0.04], [0.5, 0.5, 0.6, 0.6], strict=True):
        velocity = m * velocity - lr * gradient
        params = params + velocity
    np.testing.assert_allclose(_run(OPTIMIZERS["sgd"](rate, momentum=momentum)), params, rtol=1e-5)


def test_sgd_with_constants_is_optax_sgd():
    ours = _run(OPTIMIZERS["sgd"](0.1, momentum=0.5))
    np.testing.assert_allclose(ours, _run(optax.sgd(0.1, 0.5)), rtol=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("scheduled", [False, True])
def test_every_optimizer_under_a_constant_and_a_scheduled_momentum_of_the_same_value(name, scheduled):
    epochs = {"momentum_final": 0.6, "momentum_epochs": 5, "updates_per_epoch": 2}
    momentum = momentum_by_epoch(0.6, **epochs) if scheduled else 0.6
    settings = {"b1": momentum, "momentum": momentum, "b2": 0.9, "eps": 1e-3, "weight_decay": 0.1}
    reference = {
        "sgd": lambda: optax.sgd(0.1, 0.6),
        "adam": lambda: optax.adam(0.1, b1=0.6, b2=0.9, eps=1e-3),
        "adamw": lambda: optax.adamw(0.1, b1=0.6, b2=0.9, eps=1e-3, weight_decay=0.1),
        "rmsprop": lambda: optax.rmsprop(0.1, decay=0.9, eps=1e-3, momentum=0.6),
        "optimistic_adam": lambda: optax.optimistic_adam_v2(0.1, b1=0.6, b2=0.9, eps=1e-3, nesterov=False),
    }[name]()
    ours = _run(
        OPTIMIZERS[name](
            optax.constant_schedule(0.1),
            **{name: settings[name] for name in parameters(OPTIMIZERS[name]) if name in settings},
        )
    )
    np.testing.assert_allclose(ours, _run(reference), rtol=2e-5)


def test_the_papers_schedules():
    rate = exponential(0.1, rate_decay=1.000004, rate_floor=1e-6)
    np.testing.assert_allclose(rate(0), 0.1, rtol=1e-6)
    np.testing.assert_allclose(rate(125_000), 0.1 / 1.000004**125_000, rtol=1e-5)  # .0607
    np.testing.assert_allclose(rate(5_000_000), 1e-6, rtol=1e-6)
    momentum = jax.vmap(momentum_by_epoch(0.5, momentum_final=0.7, momentum_epochs=250, updates_per_epoch=500))
    steps = jnp.array([0, 499, 500, 999, 1000, 249 * 500 - 1, 249 * 500, 10**6])
    epochs = np.array([1, 1, 2, 2, 3, 249, 250, 250])
    np.testing.assert_allclose(momentum(steps), 0.5 + 0.2 * (epochs - 1) / 249, rtol=1e-6)


@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_schedules_that_end_with_the_run(name):
    schedule = RATE_SCHEDULES[name](0.2, rate_floor=0.05, updates=100)
    np.testing.assert_allclose(
        [schedule(0), schedule(50), schedule(100), schedule(200)], [0.2, 0.125, 0.05, 0.05], rtol=1e-5
    )


def test_historical_averaging_by_hand():
    # theta 1, g 0, w .5: the mean is theta itself, so nothing pulls. Then theta 3: the mean is 2, and 2w(3 - 2) = 1.
    tx = historical_averaging(0.5)
    state = tx.init(jnp.zeros(()))
    for theta, expected in ((1.0, 0.0), (3.0, 1.0), (5.0, 2.0)):  # the mean of 1, 3, 5 is 3
        pull, state = tx.update(jnp.zeros(()), state, jnp.asarray(theta))
        np.testing.assert_allclose(pull, expected, rtol=1e-6)


def test_clipped_weights_stay_within_the_bound():
    tx = optax.chain(optax.sgd(1.0), clip_weights(0.1))
    params = jnp.array([0.05, -0.05, 0.0])
    state = tx.init(params)
    updates, _ = tx.update(jnp.array([-1.0, 1.0, 0.03]), state, params)
    np.testing.assert_allclose(optax.apply_updates(params, updates), [0.1, -0.1, -0.03], rtol=1e-6)


def test_columns_are_no_longer_than_the_bound():
    # Columns [3, 4], of norm 5, and [0.6, 0], of norm 0.6, at a bound of 2.5: half of the first, and the second whole.
    tx = optax.chain(optax.sgd(1.0), limit_column_norms(2.5))
    params = {"kernel": jnp.array([[3.0, 0.5], [2.0, 0.0]]), "bias": jnp.array([9.0])}
    state = tx.init(params)
    updates, _ = tx.update({"kernel": jnp.array([[0.0, -0.1], [-2.0, 0.0]]), "bias": jnp.array([0.0])}, state, params)
    moved = optax.apply_updates(params, updates)
    np.testing.assert_allclose(moved["kernel"], [[1.5, 0.6], [2.0, 0.0]], rtol=1e-6)
    np.testing.assert_array_equal(moved["bias"], [9.0])


@pytest.mark.medium
def test_columns_that_are_zero_stay_finite():
    tx = limit_column_norms(1.0)
    params = jnp.zeros((2, 2))
    gradient = jax.grad(lambda update: tx.update(update, tx.init(params), params)[0].sum())(jnp.zeros((2, 2)))
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_work_under_strict_type_promotion(name):
    plain = _run(OPTIMIZERS[name](RATE_SCHEDULES["cosine"](0.1, updates=10)))
    with jax.numpy_dtype_promotion("strict"):
        np.testing.assert_array_equal(_run(OPTIMIZERS[name](RATE_SCHEDULES["cosine"](0.1, updates=10))), plain)
