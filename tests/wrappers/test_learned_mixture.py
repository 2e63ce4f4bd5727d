"""Mixtures as priors: a generator that learns its own, worked by hand, and from a config."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from games import equal, scalar_game, start

from configs import ring
from jaxgan import LATENTS, learned_mixture, runs
from jaxgan.config import DataFacts, build, complete, schema
from jaxgan.latents import linear_path
from jaxgan.runs.sweep.members import make_groups, make_members, read_data
from jaxgan.runs.sweep.trials import read_settings
from jaxgan.training.step import GANSpec, generate, generator_update
from jaxgan.types import Network
from jaxgan.wrappers.learned_mixture import deviation_penalty
from tests.small_runs import assert_same_run, train

IDENTITY = Network(lambda key, z, condition=None: {"params": {}}, lambda variables, z, **_: (z, {}))
MIXTURE = {"mean": jnp.array([[1.0], [-2.0]]), "deviation": jnp.array([[0.5], [3.0]])}
RING = {"latent__name": "mixture", "latent__components": 4, "average_decay": 0.9, "sample_every": 20}


def test_a_latent_picks_its_components_mean_and_deviation():
    network = learned_mixture(IDENTITY, 2, 1)
    # 1 + .5·2; -2 + 3·(-1); and half of each: (1 - 2)/2 + (.5 + 3)/2·1
    latents = jnp.array([[1.0, 0.0, 2.0], [0.0, 1.0, -1.0], [0.5, 0.5, 1.0]])
    z, model_state = network.apply({"params": {"mixture": MIXTURE, "generator": {}}}, latents)
    np.testing.assert_allclose(z, [[2.0], [-5.0], [1.25]], rtol=1e-6)
    assert model_state == {}
    # So a line between two latents of one component is a line between their z, and ends where they are.
    path = linear_path(latents[0], jnp.array([1.0, 0.0, -2.0]), 3)
    z, _ = network.apply({"params": {"mixture": MIXTURE, "generator": {}}}, path)
    np.testing.assert_allclose(z, [[2.0], [1.0], [0.0]], rtol=1e-6)
    with pytest.raises(ValueError, match=r"2 components in 1 dimensions takes latents \[batch, 3\], got \(2, 4\)"):
        network.apply({"params": {"mixture": MIXTURE, "generator": {}}}, jnp.zeros((2, 4)))


def test_where_the_mixture_starts_and_what_the_generator_inside_is_made_with():
    seen = []

    def init(key, z, condition=None):
        seen.append(z)
        return {"params": {"w": jnp.ones(3)}, "batch_stats": {"mean": jnp.zeros(3)}}

    network = learned_mixture(Network(init, IDENTITY.apply), 400, 3, spread=2.0, deviation=0.25)
    latents = LATENTS["mixture"](3, 400).sample(jax.random.key(1), 5)
    variables = network.init(jax.random.key(0), latents)
    mean, deviation = (np.asarray(variables["params"]["mixture"][name]) for name in ("mean", "deviation"))
    assert mean.shape == deviation.shape == (400, 3) and (deviation == 0.25).all()
    # U(-2, 2): of 1,200 draws the standard error of the mean is 1.155/34.6, that of the variance 4/3·√.8/34.6.
    assert np.abs(mean).max() <= 2 and abs(mean.mean()) < 0.12 and abs(mean.var() - 4 / 3) < 0.12
    component = np.asarray(latents[:, :400].argmax(1))
    np.testing.assert_allclose(seen[0], mean[component] + 0.25 * latents[:, 400:], rtol=1e-6, atol=1e-7)
    assert set(variables) == {"params", "batch_stats"}


def test_a_deviation_that_is_not_learned_is_no_parameter_and_stays():
    network = learned_mixture(IDENTITY, 2, 1, deviation=0.5, learn_deviation=False)
    variables = network.init(jax.random.key(0), jnp.array([[1.0, 0.0, 2.0]]))
    assert set(variables["params"]["mixture"]) == {"mean"}
    params = {"mixture": {"mean": MIXTURE["mean"]}, "generator": {}}
    z, _ = network.apply({"params": params}, jnp.array([[1.0, 0.0, 2.0], [0.0, 1.0, -1.0]]))
    np.testing.assert_allclose(z, [[2.0], [-2.5]], rtol=1e-6)  # 1 + .5·2; -2 + .5·(-1)


@pytest.mark.medium
def test_only_the_components_that_were_drawn_move_and_as_far_as_they_should():
    # D(x) = w·x with w = 2, G(z) = z, Wasserstein: the loss is -2·mean z, so ∂μ_k = -2·n_k/n and ∂σ_k = -2·Σ ε/n.
    game = scalar_game("wasserstein")
    judge = Network(game["discriminator"].init, lambda v, x, **_: (v["params"]["w"] * x[:, 0], {}))
    latent = LATENTS["mixture"](1, 3)
    game |= {"generator": learned_mixture(IDENTITY, 3, 1), "discriminator": judge, "latent": latent}
    state = start(game, example_shape=(1,))
    state = state.replace(discriminator=state.discriminator.replace(params={"w": jnp.array(2.0)}))
    key = jax.random.key(2)
    z = np.asarray(latent.sample(jax.random.split(key, 4)[0], 2))
    player, _ = generator_update(GANSpec(**game), state, key, jnp.zeros((2, 1)))
    before, after = state.generator.params["mixture"], player.params["mixture"]
    np.testing.assert_allclose(after["mean"] - before["mean"], 0.1 * z[:, :3].sum(0)[:, None], atol=1e-6)
    pulled = 0.1 * (z[:, :3] * z[:, 3:]).sum(0)[:, None]
    np.testing.assert_allclose(after["deviation"] - before["deviation"], pulled, atol=1e-6)
    assert (z[:, :3].sum(0) == 0).any()  # some component was not drawn


def test_the_penalty_pulls_every_deviation_to_one():
    # λ/2·((1 - .5)² + (1 - 3)²) with λ = .3: ∂σ = -.3·(.5, -2) = (-.15, .6), and sgd of rate 1 goes the other way.
    params = {"mixture": MIXTURE, "generator": {"w": jnp.ones(2)}}
    tx = optax.chain(deviation_penalty(0.3), optax.sgd(1.0))
    updates, _ = tx.update(jax.tree.map(jnp.zeros_like, params), tx.init(params), params)
    np.testing.assert_allclose(updates["mixture"]["deviation"], [[0.15], [-0.6]], rtol=1e-6)
    assert not updates["mixture"]["mean"].any() and not updates["generator"]["w"].any()
    # Once more as the gradient of its formula, beside a gradient that is there already.
    gradient = jax.grad(lambda sigma: 0.3 * jnp.square(1 - sigma).mean())(MIXTURE["deviation"])
    updates, _ = tx.update(jax.tree.map(jnp.ones_like, params), tx.init(params), params)
    np.testing.assert_allclose(-updates["mixture"]["deviation"], 1 + gradient, rtol=1e-6)


def test_a_generator_that_draws_per_example_still_does():
    def drawn(variables, z, *, condition=None, key=None, train=False):
        return z + len(key), {}

    network = learned_mixture(Network(IDENTITY.init, drawn, per_example=True, independent=True), 2, 1)
    assert network.per_example and network.independent
    z, _ = network.apply({"params": {"mixture": MIXTURE, "generator": {}}}, jnp.ones((5, 3)), key=jax.random.key(0))
    assert z.shape == (5, 1)
    assert not learned_mixture(IDENTITY, 2, 1).per_example


def test_a_mixture_that_stays_is_the_one_that_its_arguments_say():
    latent = LATENTS["fixed_mixture"](2, components=3, spread=3.0, deviation=0.01)
    z = np.asarray(latent.sample(jax.random.key(0), 3_000))
    assert (z.shape, z.dtype, latent.dim) == ((3_000, 2), np.float32, 2)
    means = np.asarray(jax.random.uniform(jax.random.key(0), (3, 2), minval=-3.0, maxval=3.0))
    nearest = np.linalg.norm(z[:, None] - means[None], axis=2).argmin(1)
    deviations = z - means[nearest]
    assert abs(deviations.std() - 0.01) < 4 * 0.01 / np.sqrt(2 * 6_000)
    assert np.abs(np.bincount(nearest) / 3_000 - 1 / 3).max() < 4 * np.sqrt(2 / 9 / 3_000)
    for name in ("mixture", "fixed_mixture"):
        with pytest.raises(ValueError, match="components must be at least 1, got 0"):
            LATENTS[name](2, components=0)


def _config(**changes):
    config = ring.get_config()
    config.generator.widths, config.discriminator.widths = (8,), (8,)
    config.latent.name = "mixture"
    for name, value in changes.items():
        config.latent[name] = value
    return complete(config)


@pytest.mark.slow
def test_a_config_makes_the_generator_its_prior_and_its_penalty():
    config = _config(components=5, dim=3, deviation=0.5, deviation_penalty=0.4)
    experiment = build(config, DataFacts((2,), 100))
    assert experiment.latent.dim == 8
    state = experiment.initial_state(0)
    assert state.generator.params["generator"]["Dense_0"]["kernel"].shape == (3, 8)
    np.testing.assert_array_equal(state.generator.params["mixture"]["deviation"], np.full((5, 3), 0.5))
    assert generate(experiment.generator, state, experiment.latent.sample(jax.random.key(0), 4)).shape == (4, 2)
    # The weight is a number of the compiled step, and only of one that has it; at 0 the part is left out.
    assert "latent.deviation_penalty" in schema.traced(config)
    for without in (_config(deviation_penalty=0.0), _config(name="normal"), _config(learn_deviation=False)):
        assert "latent.deviation_penalty" not in schema.traced(without)
    penalised, plain = (build(_config(deviation_penalty=w), DataFacts((2,), 100)).initial_state(0) for w in (0.1, 0.0))
    stays = build(_config(learn_deviation=False), DataFacts((2,), 100)).initial_state(0)
    assert set(stays.generator.params["mixture"]) == {"mean"} and len(stays.generator.opt_state) == 2
    assert len(penalised.generator.opt_state) == len(plain.generator.opt_state) == 2
    assert equal(penalised.generator.params, plain.generator.params)


def test_members_of_a_sweep_share_a_step_where_their_penalties_alone_differ():
    config = ring.get_config()
    config.latent.name = "mixture"
    config.population.grid, config.population.seeds = "latent.deviation_penalty=0.1,0.3; latent.components=4,5", 1
    settings, problems = read_settings(config)
    assert problems == []
    members = make_members(settings, 1, pathlib.Path("nowhere"))
    read_data(members)
    changes = [[member.config["latent"]["components"] for member in group] for group in make_groups(members)]
    assert changes == [[4, 4], [5, 5]]


@pytest.mark.slow
def test_a_run_of_a_mixture_stops_and_goes_on_bit_for_bit_and_is_sampled(tmp_path):
    train(tmp_path / "whole", steps=40, **RING)
    train(tmp_path / "parts", steps=20, **RING)
    train(tmp_path / "parts", steps=40, **RING)
    assert_same_run(tmp_path / "parts", tmp_path / "whole")
    runs.run("sample", None, {}, str(tmp_path / "whole"), {"count": 7})
    samples = np.load(tmp_path / "whole" / "samples" / "sample_step_00000040_seed_0.npz")["samples"]
    assert samples.shape == (7, 2) and np.isfinite(samples).all()
