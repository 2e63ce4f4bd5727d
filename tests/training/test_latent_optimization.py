"""Latent optimisation: linear players worked by hand, and the step's other options beside it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from games import data, difference, dropout_game, flax_networks, start, step_of

from jaxgan import LATENTS, learned_mixture
from jaxgan.losses import LOSSES
from jaxgan.parallel import distribute
from jaxgan.training.latent_optimization import LatentOptimization
from jaxgan.training.step import make_train_step
from jaxgan.types import Latent, Network

W, A, Z, X = 2.0, 0.5, 1.5, 3.0


def _linear(name, start_at):
    init = lambda key, inputs, condition=None: {"params": {name: jnp.array(start_at)}}  # noqa: E731
    return Network(init, lambda variables, inputs, **_: (variables["params"][name] * inputs, {}))


def _game(bound=None):
    """D(x) = w·x, G(z) = a·z, both numbers, Wasserstein, plain SGD 1, and z always 1.5."""
    generator, discriminator = _linear("a", A), _linear("w", W)
    logits = lambda v, x, **options: (discriminator.apply(v, x, **options)[0][:, 0], {})  # noqa: E731
    return {
        "generator": generator,
        "discriminator": Network(discriminator.init, logits),
        "generator_tx": optax.sgd(1.0),
        "discriminator_tx": optax.sgd(1.0),
        "latent": Latent(lambda key, count: jnp.full((count, 1), Z), 1, bound=bound),
        "loss": LOSSES["wasserstein"],
    }


def _step(optimization, bound=None, **options):
    game = _game(bound)
    step = make_train_step(**game, latent_optimization=optimization, **options)
    return step(start(game, example_shape=(1,)), {"real": jnp.full((1, 4, 1), X)})


def test_the_gradient_step_worked_by_hand():
    # g = w·a, z' = z + α·w·a, D(G(z')) = a·w·z + α·w²·a². D: ∂w = a·z + 2α·w·a² - x.
    # α = .1: z' = 1.5 + .1·2·.5 = 1.6; ∂w = .75 + .1·2·2·.25 - 3 = -2.15, so w = 4.15.
    # G, against that w: ∂a = -(w·z + 2α·w²·a) = -(6.225 + .1·17.2225) = -7.94725, so a = 8.44725.
    state, metrics = _step(LatentOptimization(0.1))
    np.testing.assert_allclose(state.discriminator.params["w"], 4.15, rtol=1e-6)
    np.testing.assert_allclose(state.generator.params["a"], 8.44725, rtol=1e-6)
    np.testing.assert_allclose(metrics["latent_step"], 0.1, rtol=1e-5)
    np.testing.assert_allclose(metrics["d_loss"], W * A * 1.6 - W * X, rtol=1e-6)


def test_the_natural_step_worked_by_hand():
    # Δz = α·w·a/(β + w²a²), so a·w·Δz = α·s/(β + s) with s = w²a²; its derivative in s is α·β/(β + s)².
    # α = .4, β = 3, s = 1: Δz = .1; ∂w = .75 + .4·3/16·2·2·.25 - 3 = -2.175, so w = 4.175.
    # G: s = 4.357656, ∂a = -(6.2625 + 1.2/54.13511·2·17.430625·.5) = -6.648882.
    state, metrics = _step(LatentOptimization(0.4, damping=3.0))
    np.testing.assert_allclose(metrics["latent_step"], 0.1, rtol=1e-5)
    np.testing.assert_allclose(state.discriminator.params["w"], 4.175, rtol=1e-6)
    np.testing.assert_allclose(state.generator.params["a"], 0.5 + 6.648882, rtol=1e-6)


def test_the_cost_is_the_generators():
    # c·Δz² = c·α²·w²·a², ∂a = 2c·α²·w²·a: c = 10, α = .1, w = 4.15: .1·17.2225 = 1.72225 taken off 7.94725.
    state, _ = _step(LatentOptimization(0.1, cost=10.0))
    np.testing.assert_allclose(state.discriminator.params["w"], 4.15, rtol=1e-6)
    np.testing.assert_allclose(state.generator.params["a"], 0.5 + 7.94725 - 1.72225, rtol=1e-6)


def test_latents_stay_in_the_priors_bounds():
    # z' = 1.6 becomes 1.55, through which no gradient of Δz goes: ∂w = a·1.55 - x = -2.225.
    state, metrics = _step(LatentOptimization(0.1), bound=1.55)
    np.testing.assert_allclose(metrics["latent_step"], 0.05, rtol=1e-4)
    np.testing.assert_allclose(state.discriminator.params["w"], 4.225, rtol=1e-6)
    bounds = {name: LATENTS[name](20).bound for name in LATENTS}
    unbounded = dict.fromkeys(("normal", "sphere", "mixture", "fixed_mixture"))
    assert bounds == unbounded | {"uniform": np.sqrt(3), "uniform_unit": 1, "truncated_normal": 2, "categorical": 1}


def test_latents_stay_on_the_prior_s_sphere():
    # D(G(z)) = 3·z_1 at z = (√2, 0), α = 1, β = 1: Δz = (0, .3), and (√2, .3) is scaled to √2 again.
    moved = LatentOptimization(1.0, 1.0).move(jnp.array([[2**0.5, 0.0]]), lambda z: 3 * z[:, 1], LATENTS["sphere"](2))
    np.testing.assert_allclose(moved, np.array([[2**0.5, 0.3]]) * (2 / 2.09) ** 0.5, rtol=1e-5)


def test_a_class_is_not_moved_and_not_counted():
    # D(G(z)) = 2·z_0 + 3·z_3 with three classes: g = (0, 0, 0, 3), Δz = 1·3/(1 + 9) on the noise alone.
    latents = jnp.array([[1.0, 0.0, 0.0, 5.0]])
    moved = LatentOptimization(1.0, 1.0).move(latents, lambda z: 2 * z[:, 0] + 3 * z[:, 3], LATENTS["mixture"](1, 3))
    np.testing.assert_allclose(moved, [[1, 0, 0, 5.3]], rtol=1e-6)
    assert (LATENTS["categorical"](12).categories, LATENTS["normal"](3).categories) == (10, 0)


def test_a_generator_that_looks_ahead_does_so_with_moved_latents():
    # The unrolled w'(a) = w - (a·z + 2α·w·a² - x), and the loss -(w'·a·z + α·w'²·a²), with w = 4.15 and z = 1.5.
    def loss(a):
        w = 4.15 - (a * Z + 0.2 * 4.15 * a**2 - X)
        return -(w * a * Z + 0.1 * w**2 * a**2)

    step = 1e-6
    expected = 0.5 - (loss(0.5 + step) - loss(0.5 - step)) / (2 * step)
    state, _ = _step(LatentOptimization(0.1), unrolled_steps=1)
    np.testing.assert_allclose(state.generator.params["a"], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "said"), [((0.0,), "step above 0, got 0.0"), ((1.0, -1.0), "damping"), ((1.0, 1.0, -2.0), "cost")]
)
def test_numbers_that_make_no_sense(arguments, said):
    with pytest.raises(ValueError, match=said):
        LatentOptimization(*arguments)


def _mixture_game():
    generator = learned_mixture(flax_networks().mlp(output_shape=(6,), widths=(8,), output="sigmoid"), 3, 4)
    return dropout_game() | {"generator": generator, "latent": LATENTS["mixture"](4, 3)}


@functools.cache
def _trained(mapping, parts):
    game = _mixture_game()
    options = {"latent_optimization": LatentOptimization(0.9, 0.1, 0.5), "accumulation_steps": parts}
    factory = functools.partial(make_train_step, **game, **options)
    step, place_state, place_batch = distribute(factory, mapping=mapping)
    state, batches = place_state(start(game)), data(4, batch=16)
    for i in range(4):
        state, metrics = step(state, place_batch(step_of(batches, i)))
    return jax.device_get((state.replace(key=jax.random.key_data(state.key)), metrics))


@pytest.mark.slow
@pytest.mark.parametrize(("mapping", "parts"), [("pmap", 1), ("shard_map", 2)])
def test_four_devices_move_latents_as_one_does(mapping, parts):
    assert difference(_trained(mapping, parts), _trained("jit", 1)) < 1e-5
    assert _trained("jit", 1)[1]["latent_step"] > 0.01


@pytest.mark.slow
def test_a_config_turns_it_on():
    pytest.importorskip("jaxgan.config", reason="needs ml_collections and flax: pip install 'jaxgan[train]'")
    from configs import ring
    from jaxgan.config import DataFacts, build, complete, schema

    config = ring.get_config()
    facts = DataFacts((2,), 100)
    assert build(config, facts).options["latent_optimization"] is None
    assert not [name for name in schema.traced(complete(config)) if "latent_optimization" in name]
    config.latent_optimization.step = 0.9
    config.generator_optimizer.name = config.discriminator_optimizer.name = "sgd"
    assert build(config, facts).options["latent_optimization"] == LatentOptimization(0.9, 5.0, 0.0)
    plain = complete(config)
    named = {name for name in schema.traced(plain) if name.startswith("latent_optimization")}
    assert named == {"latent_optimization.step", "latent_optimization.damping"}
    experiment = build(plain, facts)
    traced = jax.tree.map(jnp.float32, experiment.hyperparameters)
    step, constant = experiment.train_step(hyperparameters=traced), experiment.train_step()
    state = build(config, facts).initial_state(0)
    batch = {"real": jnp.ones((1, 8, 2))}
    (_, found), (_, expected) = jax.jit(step)(state, batch), jax.jit(constant)(state, batch)
    assert difference(found, expected) < 1e-6 and found["latent_step"] > 0
    config.latent_optimization.damping = 0.0
    assert build(config, facts).options["latent_optimization"].damping is None
