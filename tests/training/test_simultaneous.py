"""Simultaneous updates: by hand, of one point and one draw, with what else changes a step, over devices."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from games import at, curved_game, data, difference, equal, noisy_game, scalar_game, start, step_of

from jaxgan.parallel import distribute
from jaxgan.training.coordination import Coordination, linear_steps
from jaxgan.training.step import make_train_step, scan_steps
from jaxgan.types import Latent, Network

BATCH = {"real": jnp.array([[1.0, 3.0]])}
make_step = functools.partial(make_train_step, updates="simultaneous")


def test_a_step_by_hand():
    # Wasserstein, real mean 2: ∂L_D/∂w = θ − 2 and ∂L_G/∂θ = −w. From w = .5, θ = −1 a step of rate .1 leads to
    # w = .5 + .3 and θ = −1 + .05; an alternating one to θ = −1 + .08.
    game = scalar_game("wasserstein")
    state, metrics = make_step(**game)(at(game, 0.5, -1.0), BATCH)
    np.testing.assert_allclose(state.discriminator.params["w"], 0.8, rtol=1e-6)
    np.testing.assert_allclose(state.generator.params["theta"], -0.95, rtol=1e-6)
    np.testing.assert_allclose([metrics["d_loss"], metrics["g_loss"]], [0.5 * (-1 - 2), 0.5], rtol=1e-6)
    assert int(state.step) == 1
    # The pinned case of true alternation, where w = 0: the generator has no gradient.
    game = scalar_game()
    state, _ = make_step(**game)(at(game, 0.0, -1.0), BATCH)
    np.testing.assert_allclose(state.discriminator.params["w"], 0.15, rtol=1e-6)
    assert float(state.generator.params["theta"]) == -1


def test_of_several_discriminator_updates_the_generator_sees_none():
    # Real means 2 and 4: w = .5 + .1·3 + .1·5 = 1.3, and θ = −1 + .1·.5, by the w before the step.
    game = scalar_game("wasserstein")
    batch = {"real": jnp.array([[1.0, 3.0], [3.0, 5.0]])}
    state, _ = make_step(**game, discriminator_steps=2)(at(game, 0.5, -1.0), batch)
    np.testing.assert_allclose(state.discriminator.params["w"], 1.3, rtol=1e-6)
    np.testing.assert_allclose(state.generator.params["theta"], -0.95, rtol=1e-6)
    # k = 1 at step 0 by a schedule: only the first of the two.
    schedule = {"discriminator_steps": 2, "coordination": Coordination(linear_steps(1, 2, 10))}
    state, _ = make_step(**game, **schedule)(at(game, 0.5, -1.0), batch)
    np.testing.assert_allclose(state.discriminator.params["w"], 0.8, rtol=1e-6)
    np.testing.assert_allclose(state.generator.params["theta"], -0.95, rtol=1e-6)


def _noted_game(notes):
    """D(x) = v·tanh((2m ∘ x)W) with dropout masks m, G(z) = tanh((z + e)M) with noise e; z, z + e and m are noted."""

    def judge(variables, inputs, *, condition=None, key=None, train=False):
        notes["mask"].append(jax.vmap(lambda k: jax.random.bernoulli(k, 0.5, (3,)))(key))
        return _judge(variables["params"], inputs, notes["mask"][-1]), {}

    def generate(variables, latents, *, condition=None, key=None, train=False):
        notes["input"].append(latents + jax.vmap(lambda k: jax.random.normal(k, (2,)))(key))
        return _generate(variables["params"], notes["input"][-1]), {}

    def draw(key, count):
        notes["latent"].append(jax.random.normal(key, (count, 2)))
        return notes["latent"][-1]

    game = curved_game()
    return game | {
        "discriminator": Network(game["discriminator"].init, judge, per_example=True),
        "generator": Network(game["generator"].init, generate, per_example=True),
        "latent": Latent(draw, 2),
    }


def _judge(params, inputs, mask):
    return jnp.tanh((2 * inputs * mask) @ params["w"]) @ params["v"]


def _generate(params, inputs):
    return jnp.tanh(inputs @ params)


def _noted_step(make):
    """The state before a step, its minibatch, the state after it, its metrics and the notes."""
    notes = {name: [] for name in ("latent", "input", "mask")}
    state, batch = start(curved_game(), example_shape=(3,)), step_of(data(1, shape=(3,)), 0)
    with jax.disable_jit():
        after, metrics = make(**_noted_game(notes))(state, batch)
    # The discriminator's update sees real and fake examples, and so does the generator's.
    assert [len(notes[name]) for name in ("latent", "input", "mask")] == [2, 2, 4]
    return state, batch["real"][0], after, metrics, notes


@pytest.mark.medium
def test_both_gradients_are_of_the_old_parameters_the_same_latents_and_the_same_noise():
    state, real, after, metrics, notes = _noted_step(make_step)
    for name, first, second in (("latent", 0, 1), ("input", 0, 1), ("mask", 0, 2), ("mask", 1, 3)):
        assert equal(notes[name][first], notes[name][second])
    assert not equal(notes["mask"][0], notes["mask"][1])

    # The step by hand: plain gradient descent of rate .1 on both losses.
    psi, theta, (of_real, of_fake) = state.discriminator.params, state.generator.params, notes["mask"][:2]

    def d_loss(psi):
        fake = _generate(theta, notes["input"][0])
        return (jax.nn.softplus(-_judge(psi, real, of_real)) + jax.nn.softplus(_judge(psi, fake, of_fake))).mean()

    def g_loss(theta):
        return jax.nn.softplus(-_judge(psi, _generate(theta, notes["input"][0]), of_fake)).mean()

    for player, loss, params in ((after.discriminator, d_loss, psi), (after.generator, g_loss, theta)):
        by_hand = jax.tree.map(lambda p, g: p - 0.1 * g, params, jax.grad(loss)(params))
        assert difference(player.params, by_hand) < 1e-6 < 1e-3 < difference(player.params, params)
    np.testing.assert_allclose([metrics["d_loss"], metrics["g_loss"]], [d_loss(psi), g_loss(theta)], rtol=1e-6)


def test_alternating_updates_draw_for_each_player():
    *_, notes = _noted_step(make_train_step)
    assert not any(equal(notes[name][0], notes[name][1]) for name in ("latent", "input"))
    assert not equal(notes["mask"][1], notes["mask"][3])


@pytest.mark.parametrize(
    ("options", "theta"),
    [
        # L_G = −θ·(w + .1(2 − θ)): the gradient is −w − .2 + .2θ = −.9 at w = .5, and −1.2 at the updated w = .8.
        ({"unrolled_steps": 1}, -0.91),
        # L_G = −θ·w + (.3/2)((θ − 2)² + w²): the gradient is −w + .3(θ − 2) = −1.4, and −1.7 at the updated w.
        ({"consensus": 0.3}, -0.86),
    ],
)
def test_what_looks_at_the_discriminator_looks_at_the_old_one(options, theta):
    game = scalar_game("wasserstein")
    state, _ = make_step(**game, **options)(at(game, 0.5, -1.0), BATCH)
    np.testing.assert_allclose(state.generator.params["theta"], theta, rtol=1e-6)


@functools.cache
def _trained(mapping, parts=1):
    options = {"updates": "simultaneous", "accumulation_steps": parts}
    step, place, place_batch = distribute(
        functools.partial(make_train_step, **noisy_game(), **options), mapping=mapping
    )
    state, batches = place(start(curved_game(), example_shape=(3,))), data(20, batch=16, shape=(3,))
    for i in range(20):
        state, metrics = step(state, place_batch(step_of(batches, i)))
    return jax.device_get((state.generator.params, state.discriminator.params, metrics))


@pytest.mark.slow
@pytest.mark.parametrize("mapping", ["shard_map", pytest.param("pmap", marks=pytest.mark.slow)])
def test_four_devices_in_two_parts_each_step_as_one_does(mapping):
    assert difference(_trained(mapping, 2), _trained("jit")) < 1e-5


@pytest.mark.slow
def test_scanned_steps_are_the_steps():
    batches = data(3, shape=(3,))
    state, step = start(curved_game(), example_shape=(3,)), make_step(**noisy_game())
    one, single = state, jax.jit(step)
    for i in range(3):
        one, metrics = single(one, step_of(batches, i))
    many, of_all = jax.jit(scan_steps(step))(state, batches)
    assert difference((one, metrics), (many, step_of(of_all, -1))) < 1e-6


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"generator_steps": 2}, "simultaneous updates move the generator once: generator_steps is 2"),
        ({"generator_batches": 1}, "simultaneous updates are of one minibatch; leave generator_batches out"),
        ({"extragradient": True}, "extragradient moves both players at once by itself; leave updates out"),
        ({"updates": "both"}, "updates must be one of alternating, simultaneous, got 'both'"),
    ],
)
def test_what_cannot_be(options, said):
    with pytest.raises(ValueError, match=said):
        make_train_step(**scalar_game(), **{"updates": "simultaneous"} | options)
