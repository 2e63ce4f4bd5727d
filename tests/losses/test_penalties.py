"""Gradient penalties against hand-worked cases, finite differences, and the mistakes of other libraries."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from games import data, difference, equal, scalar_game, start, step_of

from jaxgan.latents import LATENTS
from jaxgan.losses.penalties import PENALTIES, lazy, r1, r2, squared_gradient_norms
from jaxgan.parallel import distribute
from jaxgan.training.step import Game, generator_update, make_train_step
from jaxgan.types import Network

KEY = jax.random.key(0)
SHAPE = (2, 3, 2)  # of an example: an image of two channels


def curved_critic(examples, weights=None):
    """tanh of two directions, added up: a gradient that differs from example to example."""
    weights = jnp.linspace(-1, 1, 24).reshape(12, 2) if weights is None else weights
    return jnp.tanh(examples.reshape(-1, 12) @ weights).sum(1)


def examples(seed, count=5):
    return jax.random.normal(jax.random.key(seed), (count, *SHAPE))


@pytest.mark.medium
def test_worked_case():
    # l(x) = 3 x_1 + 4 x_2 has ‖∇l‖² = 25 everywhere, so (γ/2)·E‖∇l‖² = 25 at γ = 2, on one example or many.
    def critic(x):
        return x @ jnp.array([3.0, 4.0])

    # (5 - 1)² = 16 for the gradient penalties, whatever the points are.
    expected = {"r1": 25.0, "r2": 25.0, "r1_r2": 50.0, "dragan": 32.0}
    expected |= {"gradient_penalty": 32.0, "gradient_penalty_one_sided": 32.0}
    every = jax.jit(lambda points: {name: PENALTIES[name](2.0)(critic, points, points, KEY) for name in PENALTIES})
    for count in (1, 8):
        found = every(jnp.ones((count, 2)))
        for name in PENALTIES:
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-6)
    # l(x) = x²: ∇l = 2x, so on x = (1, 2, 3) the mean square is 4·14/3, and (1/2)·56/3 = 28/3.
    scalar = jnp.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(r1(1.0)(jnp.square, scalar, scalar, KEY), 28 / 3, rtol=1e-6)


def test_the_published_case():
    # D(x) = 2x per dimension, four outputs summed: ‖∇‖ = √(4·4) = 4, and (4 - 1)² = 9.
    points = jnp.linspace(-1, 1, 12).reshape(3, 4)
    penalty = PENALTIES["gradient_penalty"](1.0)
    np.testing.assert_allclose(penalty(lambda x: (2 * x).sum(1), points, -points, KEY), 9.0, rtol=1e-6)


def test_norms_below_1_cost_two_sided_penalties_alone():
    points = jnp.ones((3, 2))

    def critic(x):
        return x @ jnp.array([0.3, 0.4])

    found = jax.jit(lambda points: {name: PENALTIES[name](1.0)(critic, points, points, KEY) for name in PENALTIES})(
        points
    )
    np.testing.assert_allclose(found["gradient_penalty"], 0.25, rtol=1e-6)
    np.testing.assert_allclose(found["dragan"], 0.25, rtol=1e-6)
    assert found["gradient_penalty_one_sided"] == 0


@pytest.mark.medium
def test_points_between_are_one_mix_per_example_and_points_around_have_the_datas_spread():
    # l(x) = ‖x‖²/2 has ∇l = x, so the norm tells where the gradient was taken.
    def critic(x):
        return jnp.square(x).sum(1) / 2

    real, fake = jnp.full((4, 3), 10.0), jnp.zeros((4, 3))
    share = jax.random.uniform(KEY, (4, 1))[:, 0]
    expected = np.square(10 * np.sqrt(3) * share - 1).mean()
    np.testing.assert_allclose(PENALTIES["gradient_penalty"](1.0)(critic, real, fake, KEY), expected, rtol=1e-5)
    rng = np.random.default_rng(0)
    data = jnp.asarray(rng.normal(0, 2, (4000, 3)), jnp.float32)
    noisy = PENALTIES["dragan"](1.0, noise="normal")  # δ ~ N(0, ½): E‖x + δ‖² = 3·(4 + ½)
    at = jax.jit(lambda points: noisy(critic, points, data, KEY))
    squares = at(data) - 1  # E n² - 2 E n
    norms = np.linalg.norm(rng.normal(0, np.sqrt(4.5), (200_000, 3)), axis=1)
    np.testing.assert_allclose(squares, (norms**2 - 2 * norms).mean(), rtol=0.05)


@pytest.mark.slow
def test_dragans_noise_is_that_of_the_authors_code():
    # x + a·½·σ·u, a and u in (0, 1): never below x, never more than half a deviation above it, by ⅛ of one on average.
    # On l(x) = x²/2, whose slope is x, the penalty at λ = 1 is E (|x + δ| - 1)². Data at 3 and 7 have σ = 2.
    data = jnp.where(jnp.arange(20_000) % 2 == 0, 3.0, 7.0)[:, None]
    found = PENALTIES["dragan"](1.0)(lambda x: jnp.square(x).sum(1) / 2, data, data, KEY)
    rng = np.random.default_rng(0)
    shift = rng.random(10**6) * rng.random(10**6)  # a·u·½·2
    expected = (np.square(2 + shift).mean() + np.square(6 + shift).mean()) / 2
    np.testing.assert_allclose(found, expected, rtol=1e-2)
    # One a for all values of an example, and a u for each value.
    ones = jnp.ones((4, 50)).at[0].set(3.0)  # σ = √3/2
    moved = _points_of(PENALTIES["dragan"](1.0), ones) - ones
    assert (moved > 0).all() and (moved < 0.5 * np.sqrt(3) / 2).all()
    assert len(np.unique(np.round(moved.max(1), 3))) == 4 and moved.std(1).min() > 0
    with pytest.raises(ValueError, match="unknown noise 'gaussian'; did you mean normal"):
        PENALTIES["dragan"](1.0, noise="gaussian")


def test_a_finite_difference_estimates_the_squared_gradient():
    # l(x) = 3 x_1 + 4 x_2: ((l(x + σε) − l(x))/σ)² = (3 ε_1 + 4 ε_2)², of mean 25 = ‖∇l‖² and variance 2·25².
    def critic(x):
        return x @ jnp.array([3.0, 4.0])

    points = jnp.ones((4, 2))
    noise = np.asarray(jax.random.normal(jax.random.split(KEY, 1)[0], (4, 2)))
    expected = np.square(noise @ np.array([3.0, 4.0])).mean()
    for name, penalty in (("r1", r1), ("r2", r2)):
        found = penalty(2.0, deviation=0.01)(critic, points, points, KEY)
        np.testing.assert_allclose(found, expected, rtol=1e-3, err_msg=name)
        exact = penalty(2.0)(critic, points, points, KEY)
        many = penalty(2.0, deviation=0.01)(critic, *2 * [jnp.ones((40_000, 2))], KEY)
        np.testing.assert_allclose(many, exact, rtol=0.03)  # four times √2/√40,000
    # Both together, of data and samples with noise of their own.
    both = PENALTIES["r1_r2"](2.0, deviation=0.01)
    parts = [penalty(2.0, deviation=0.01) for penalty in (r1, r2)]
    keys = jax.random.split(KEY)
    expected = sum(part(critic, points, points, key) for part, key in zip(parts, keys, strict=True))
    np.testing.assert_allclose(both(critic, points, points, KEY), expected, rtol=1e-6)
    with pytest.raises(ValueError, match="deviation must be at least 0, got -0.1"):
        r1(1.0, deviation=-0.1)


def test_a_finite_difference_follows_the_curve_of_the_critic():
    # l(x) = x²/2 at x = 2, with σ = 1: (σxε + σ²ε²/2)² / σ² = (2ε + ε²/2)², of mean 4·1 + 2·0 + ¾ = 4.75.
    points = jnp.full((100_000, 1), 2.0)
    found = r1(2.0, deviation=1.0)(lambda x: jnp.square(x).sum(1) / 2, points, points, KEY)
    np.testing.assert_allclose(found, 4.75, rtol=0.03)


def _points_of(penalty, real):
    """The points at which a penalty takes gradients."""
    points = []

    def critic(x):
        jax.debug.callback(lambda x: points.append(np.asarray(x)), x)
        return jnp.square(x).sum(1) / 2

    penalty(critic, real, real, KEY)
    jax.effects_barrier()
    return points[0]


def test_r1_reads_the_data_and_r2_the_generated_examples():
    real, fake = jnp.array([1.0, 2.0, 3.0]), jnp.array([0.0, 0.0, 1.0])
    np.testing.assert_allclose(r1(1.0)(jnp.square, real, fake, KEY), 28 / 3, rtol=1e-6)
    np.testing.assert_allclose(r2(1.0)(jnp.square, real, fake, KEY), 2 / 3, rtol=1e-6)


# Each penalty in numpy, of norms [batch] where the critic's gradient was taken, and where that was.
def _between(real, fake):
    share = np.asarray(jax.random.uniform(KEY, (5, 1, 1, 1), jnp.float64))
    return share * real + (1 - share) * fake


def _around(real, fake):
    share, noise = jax.random.split(KEY)
    share = np.asarray(jax.random.uniform(share, (5, 1, 1, 1), jnp.float64))
    return real + share * 0.5 * real.std() * np.asarray(jax.random.uniform(noise, real.shape, jnp.float64))


REFERENCES = {
    "r1": [(lambda real, fake: real, lambda norms: norms**2 / 2)],
    "r2": [(lambda real, fake: fake, lambda norms: norms**2 / 2)],
    "gradient_penalty": [(_between, lambda norms: (norms - 1) ** 2)],
    "gradient_penalty_one_sided": [(_between, lambda norms: np.maximum(norms - 1, 0) ** 2)],
    "dragan": [(_around, lambda norms: (norms - 1) ** 2)],
}
REFERENCES["r1_r2"] = REFERENCES["r1"] + REFERENCES["r2"]


@pytest.mark.medium
@pytest.mark.parametrize("name", PENALTIES)
def test_against_finite_differences(name):
    """One norm per example over all of its dimensions, in float64."""
    with jax.enable_x64(True):
        real, fake = (np.asarray(examples(seed)).astype(np.float64) for seed in (0, 1))
        weights = np.linspace(-1, 1, 24).reshape(12, 2)

        def logit(flat):
            return np.tanh(flat @ weights).sum()

        def norm(flat):
            step = 1e-6 * np.eye(12)
            return np.linalg.norm([(logit(flat + e) - logit(flat - e)) / 2e-6 for e in step])

        expected = 0.0
        for where, cost in REFERENCES[name]:
            norms = np.array([norm(flat) for flat in where(real, fake).reshape(5, 12)])
            expected += 0.7 * cost(norms).mean()
        critic = functools.partial(curved_critic, weights=jnp.asarray(weights))
        found = PENALTIES[name](0.7)(critic, jnp.asarray(real), jnp.asarray(fake), KEY)
        np.testing.assert_allclose(found, expected, rtol=1e-7)
        assert expected > 1e-3


def test_a_pack_has_one_norm():
    # l of a pack (x, y) is 3x + 4y: ‖∇‖² = 25 for each of two packs, where two single examples would have 9 and 16.
    def critic(x):
        return x.reshape(-1, 2) @ jnp.array([3.0, 4.0])

    np.testing.assert_allclose(squared_gradient_norms(critic, jnp.ones((4, 1))), [25.0, 25.0])
    np.testing.assert_allclose(PENALTIES["gradient_penalty"](1.0)(critic, *2 * [jnp.ones((4, 1))], KEY), 16.0)


@pytest.mark.medium
def test_one_backward_pass_gives_every_examples_own_gradient():
    x = examples(1)
    own = jax.vmap(jax.grad(lambda e: curved_critic(e[None])[0]))(x)
    np.testing.assert_allclose(squared_gradient_norms(curved_critic, x), jnp.square(own).sum((1, 2, 3)), rtol=1e-6)


@pytest.mark.parametrize("name", PENALTIES)
def test_every_penalty_is_a_scalar_that_grows_with_its_weight_and_pushes_a_flat_critic_nowhere(name):
    real, fake = examples(2), examples(3)

    def penalty(gamma, weights):
        return PENALTIES[name](gamma)(functools.partial(curved_critic, weights=weights), real, fake, KEY)

    weights = jnp.linspace(-1, 1, 24).reshape(12, 2)
    assert penalty(1.0, weights).shape == () and penalty(1.0, weights) > 0
    np.testing.assert_allclose(penalty(3.0, weights), 3 * penalty(1.0, weights), rtol=1e-6)
    assert penalty(1.0, 0 * weights) == (1 if name in ("gradient_penalty", "dragan") else 0)  # (0 - 1)²
    assert np.isfinite(jax.grad(penalty, argnums=1)(1.0, 0 * weights)).all()  # a square root would give NaN here


@pytest.mark.parametrize("name", PENALTIES)
def test_errors(name):
    with pytest.raises(ValueError, match="examples of type uint8; scale them to floats"):
        PENALTIES[name](1.0)(curved_critic, *2 * [examples(0).astype(jnp.uint8)], KEY)
    for wrong in (-1.0, float("nan"), np.float32(-1), jnp.array(-1.0)):
        with pytest.raises(ValueError, match="(gamma|weight) must be at least 0, got"):
            PENALTIES[name](wrong)
    with pytest.raises(ValueError, match=r"logits \[batch\], got \(5, 1\)"):
        PENALTIES[name](1.0)(lambda x: curved_critic(x)[:, None], examples(0), examples(0), KEY)


@pytest.mark.medium
def test_a_step_with_r1_by_hand():
    # D(x) = w·x at w = 1: R1 = (γ/2)·w² adds γ·w = 4 to the gradient, and the step of rate 0.1 takes −0.4 more.
    game = scalar_game()
    judge = game["discriminator"].apply
    ones = Network(lambda key, inputs, condition=None: {"params": {"w": jnp.ones(())}}, judge)
    game |= {"discriminator": ones}
    batch = {"real": jnp.array([[1.0, 3.0]])}
    state = start(game, example_shape=())
    after = [
        jax.jit(make_train_step(**game, penalties=penalties))(state, batch)[0]
        for penalties in ([], [r1(4.0)], [r1(1.0), r2(3.0)])
    ]
    weights = [float(state.discriminator.params["w"]) for state in after]
    np.testing.assert_allclose(np.array(weights[1:]) - weights[0], -0.4, rtol=1e-5)


@pytest.mark.medium
def test_a_lazy_penalty_is_in_every_nth_step_n_times():
    game = small_game()
    batches = data(5, batch=4)
    plain, each = (jax.jit(make_train_step(**game, penalties=penalties)) for penalties in ((), (r1(6.0),)))
    step = jax.jit(make_train_step(**game, penalties=(lazy(r1(2.0), 3),)))
    state = start(game)
    for i in range(5):
        found, metrics = step(state, step_of(batches, i))
        expected, expected_metrics = (each if i in (0, 3) else plain)(state, step_of(batches, i))
        assert difference((found.discriminator, metrics), (expected.discriminator, expected_metrics)) < 1e-6
        state = found
    with pytest.raises(ValueError, match="interval must be at least 1, got 0"):
        lazy(r1(1.0), 0)


def small_game():
    """D(x) = v·tanh(xW), G(z) = zM."""

    def init_discriminator(key, inputs, condition=None):
        return {"params": {"w": jax.random.normal(key, (6, 4)), "v": jnp.ones(4)}}

    def judge(variables, inputs, *, condition=None, key=None, train=False):
        params = variables["params"]
        return jnp.tanh(inputs @ params["w"]) @ params["v"], {}

    def init_generator(key, inputs, condition=None):
        return {"params": jax.random.normal(key, (4, 6))}

    def generate(variables, latents, *, condition=None, key=None, train=False):
        return latents @ variables["params"], {}

    return scalar_game() | {
        "discriminator": Network(init_discriminator, judge),
        "generator": Network(init_generator, generate),
        "latent": LATENTS["normal"](4),
    }


@pytest.mark.medium
def test_the_generators_update_does_not_see_a_penalty():
    state, real = start(small_game()), step_of(data(1), 0)["real"][0]
    games = (Game(**small_game(), penalties=penalties) for penalties in ((), (r1(5.0), r2(5.0))))
    assert equal(*(jax.jit(functools.partial(generator_update, game))(state, KEY, real)[0].params for game in games))


@functools.cache
def _trained(mapping):
    factory = functools.partial(make_train_step, **small_game(), penalties=(r1(0.5), lazy(r2(0.5), 2)))
    step, place_state, place_batch = distribute(factory, mapping=mapping)
    state, batches = place_state(start(small_game())), data(5, batch=16)
    for i in range(5):
        state, metrics = step(state, place_batch(step_of(batches, i)))
    return jax.device_get((state.replace(key=jax.random.key_data(state.key)), metrics))


@pytest.mark.slow
@pytest.mark.parametrize("mapping", ["pmap", "shard_map"])
def test_four_devices_penalise_as_one_does(mapping):
    assert difference(_trained(mapping), _trained("jit")) < 1e-5
