"""Many GANs in one step: each member is what it would be alone, wherever it runs."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.latents import LATENTS
from jaxgan.losses import LOSSES
from jaxgan.losses.penalties import PENALTIES
from jaxgan.networks import maxout, mlp
from jaxgan.parallel import distribute_population
from jaxgan.training.population import init_population, member, population_step
from jaxgan.training.step import init_state, make_train_step, sample, scan_steps

MEMBERS, STEPS = 4, 5
LATENT = LATENTS["normal"](3)
GENERATOR = mlp(output_shape=(2,), widths=(8,))
DISCRIMINATOR = maxout(widths=(6,), pieces=2, initial_scale=0.5)


def parts(values):
    generator_tx = optax.adam(values["rate"], b1=values["b1"])
    return {
        "generator": GENERATOR,
        "discriminator": DISCRIMINATOR,
        "generator_tx": generator_tx,
        "discriminator_tx": optax.sgd(values["rate"]),
        "latent": LATENT,
    }


def init_member(key, values):
    return init_state(key, example=jnp.zeros((2, 2)), **parts(values))


def member_step(values):
    def r1(*arguments):
        return values["r1"] * PENALTIES["r1"](1.0)(*arguments)

    return scan_steps(make_train_step(loss=LOSSES["non_saturating"], penalties=(r1,), **parts(values)))


@functools.cache
def problem():
    keys = jax.random.split(jax.random.key(3), MEMBERS)
    values = {
        "rate": jnp.array([1e-2, 1e-2, 3e-3, 1e-1]),
        "b1": jnp.array([0.0, 0.5, 0.5, 0.9]),
        "r1": jnp.array([0.0, 0.1, 1.0, 0.1]),
    }
    batches = {"real": jax.random.normal(jax.random.key(1), (MEMBERS, STEPS, 1, 16, 2))}
    return keys, values, batches


@functools.cache
def alone():
    keys, values, batches = problem()
    init, step = jax.jit(init_member), jax.jit(lambda s, b, v: member_step(v)(s, b))
    found = []
    for i in range(MEMBERS):
        value, batch = (jax.tree.map(lambda leaf, i=i: leaf[i], tree) for tree in (values, batches))
        found.append(jax.device_get(_plain(step(init(keys[i], value), batch, value))))
    return found


def _plain(result):
    state, metrics = result
    return state.replace(key=jax.random.key_data(state.key)), metrics


def together(members, devices):
    keys, values, batches = problem()
    step, place, _ = distribute_population(member_step, members=members, devices=jax.devices()[:devices])
    states = place(jax.jit(functools.partial(init_population, init_member))(keys, values))
    states, metrics = step(states, place(batches), place(values))
    return states, metrics


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("members", "devices"),
    [pytest.param("map", 1, marks=SLOW), pytest.param("map", 4, marks=SLOW), pytest.param("vmap", 2, marks=SLOW)],
)
def test_every_member_is_what_it_would_be_alone(members, devices):
    states, metrics = together(members, devices)
    assert metrics["d_loss"].shape == (MEMBERS, STEPS)
    for i, expected in enumerate(alone()):
        found = jax.device_get(_plain((member(states, i), jax.tree.map(lambda leaf, i=i: leaf[i], metrics))))
        if members == "map":
            chex.assert_trees_all_equal(found, expected)
        else:
            chex.assert_trees_all_close(found, expected, rtol=1e-5, atol=1e-5)
    # and they are not all the same
    assert len({float(x) for x in metrics["g_loss"][:, -1]}) == MEMBERS


@pytest.mark.slow
def test_auto_maps_on_a_cpu_and_a_member_can_be_sampled_from():
    states, _ = together("auto", 2)
    chex.assert_trees_all_equal(jax.device_get(_plain((member(states, 1), {}))[0]), alone()[1][0])
    found = sample(GENERATOR, member(states, 1), jax.random.key(0), 7, latent=LATENT)
    assert found.shape == (7, 2) and np.isfinite(found).all()


@pytest.mark.slow
def test_what_all_share_is_not_stacked():
    data = jnp.arange(12.0).reshape(6, 2)

    def step_of(values):
        step = make_train_step(loss=LOSSES["non_saturating"], **parts(values))
        return lambda state, batch, data: step(state, {"real": data[batch["index"]]})

    keys, values, _ = problem()
    states = jax.jit(functools.partial(init_population, init_member))(keys, values)
    step, place, place_shared = distribute_population(step_of, devices=jax.devices()[:2], shared=1)
    index = jnp.arange(MEMBERS * 4).reshape(MEMBERS, 1, 4) % 6
    _, metrics = step(place(states), place({"index": index}), place(values), place_shared(data))
    assert metrics["d_loss"].shape == (MEMBERS,)


def test_mistakes():
    keys, values, _ = problem()
    with pytest.raises(ValueError, match=r"different numbers of members: \[3, 4\]"):
        init_population(init_member, keys[:3], values)
    with pytest.raises(ValueError, match="unknown members 'pmap'; did you mean map or vmap"):
        population_step(member_step, members="pmap")
    _, place, _ = distribute_population(member_step, devices=jax.devices()[:3])
    with pytest.raises(ValueError, match="multiple of 3"):
        place(values)
