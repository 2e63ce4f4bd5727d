"""The frame of the tasks: generators of both sides, terms that judge further examples, and entries of the table."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from configs import default
from jaxgan.config import DataFacts, build, problems_of
from jaxgan.tasks import TASKS, Task
from jaxgan.training.step import init_state, make_train_step
from jaxgan.types import Latent, Loss, Network, Sides, Term
from tests.games import equal, scalar_game

KEY = jax.random.key(0)
TWOS = Latent(lambda key, count: jnp.full((count, 1), 2.0), 1)


def problem_texts(config):
    """The problems of a config as sentences."""
    return [str(problem) for problem in problems_of(config)]


def after_moving_alone(factory, state, batch):
    """States after a step in which one player moves, by player: `factory(axis_name, **changes)` makes the step.

    The other player has the learning rate 0, so that one compiled step serves for both.
    """
    players = ("generator", "discriminator")
    resting = {name: getattr(state, name).replace(opt_state=optax.sgd(0.1).init(None)) for name in players}

    @jax.jit
    def step(rates, state, batch):
        return factory(None, **{f"{name}_tx": optax.sgd(rate) for name, rate in rates.items()})(state, batch)[0]

    rates = {name: {other: 0.1 * (other == name) for other in players} for name in players}
    return {name: step(rates[name], state.replace(**resting), batch) for name in players}


def pairs_game():
    """D(a, b) = w·a + v·b judges (x, e·x) and (g·z, z), e and g being the generator's: a BiGAN of numbers."""

    def make(variables, latents, *, condition=None, key=None, train=False):
        made = variables["params"]["g"] * latents[:, 0]
        if condition is None:
            return made, {}
        return Sides((condition, variables["params"]["e"] * condition), (made, latents[:, 0])), {}

    def judge(variables, inputs, *, condition=None, key=None, train=False):
        return variables["params"]["w"] * inputs[0] + variables["params"]["v"] * inputs[1], {}

    start = {"e": jnp.float32(0.25), "g": jnp.float32(0.5)}
    pair = {"w": jnp.float32(1.0), "v": jnp.float32(2.0)}
    return {
        "generator": Network(lambda key, inputs, condition=None: {"params": start}, make),
        "discriminator": Network(lambda key, inputs, condition=None: {"params": pair}, judge),
        "generator_tx": optax.sgd(0.1),
        "discriminator_tx": optax.sgd(0.1),
        "latent": TWOS,
    }


BOTH = Loss(lambda real, fake: fake.mean() - real.mean(), lambda real, fake: real.mean() - fake.mean())


def test_a_generator_of_both_sides_descends_through_the_real_one_too():
    x = jnp.array([1.0, 3.0])
    game = pairs_game()
    state = _start(game, x)
    step = jax.jit(make_train_step(**game, loss=BOTH))
    after, metrics = step(state, {"real": x[None], "condition": x[None]})
    # z = 2. D: real x + 2·x/4 = 1.5 x, mean 3; fake 1 + 4 = 5. Its loss is 2, ∂w = g·z − E x = 1 − 2 = −1 and
    # ∂v = z − e·E x = 2 − .5 = 1.5: w = 1.1, v = 1.85.
    found = [metrics[name] for name in ("d_loss", "d_real_logit", "d_fake_logit")]
    np.testing.assert_allclose(found, [2, 3, 5], rtol=1e-6)
    params = after.discriminator.params
    np.testing.assert_allclose([params["w"], params["v"]], [1.1, 1.85], rtol=1e-6)
    # G: real 2·(1.1 + 1.85/4) = 3.125, fake 1.1 + 3.7 = 4.8; ∂e = v·E x = 3.7, ∂g = −w·z = −2.2.
    np.testing.assert_allclose(metrics["g_loss"], 3.125 - 4.8, rtol=1e-5)
    params = after.generator.params
    np.testing.assert_allclose([params["e"], params["g"]], [0.25 - 0.37, 0.5 + 0.22], rtol=1e-5)


def test_each_of_the_two_moves_itself_alone():
    x = jnp.array([1.0, 3.0])
    game = pairs_game()
    state, batch = _start(game, x), {"real": x[None], "condition": x[None]}
    moved = after_moving_alone(lambda _, **txs: make_train_step(**game | txs, loss=BOTH), state, batch)
    for name, other in (("generator", "discriminator"), ("discriminator", "generator")):
        assert equal(getattr(moved[other], name).params, getattr(state, name).params)
        assert not equal(getattr(moved[other], other).params, getattr(state, other).params)


def _start(game, x):
    return init_state(KEY, **game, example=x, condition=x)


def test_a_term_may_judge_examples_of_its_own():
    game = scalar_game("wasserstein") | {"latent": TWOS}
    state = init_state(KEY, **{k: v for k, v in game.items() if k != "loss"}, example=jnp.zeros(2))
    term = Term(*[lambda seen: 0.5 * seen.discriminate(seen.condition).logits.mean()] * 2)
    batch = {"real": jnp.array([[1.0, 3.0]]), "condition": jnp.array([[5.0, 7.0]])}
    after, metrics = jax.jit(make_train_step(**game, terms=[term]))(state, batch)
    # D(x) = w·x at w = 0: ∂w is E fake − E real = −1 − 2, and of the term ½·6: they cancel.
    np.testing.assert_allclose(after.discriminator.params["w"], 0.0, atol=1e-7)
    _, plain = jax.jit(make_train_step(**game))(state, batch)
    assert set(metrics) - set(plain) == {"d_terms", "g_terms"} and float(metrics["g_terms"]) == 0


def test_a_task_of_the_users_own_needs_no_section():
    TASKS["mine"] = lambda *, example_shape, latent: Task(condition=lambda count: jnp.full((count, latent.dim), 3.0))
    try:
        config = default.get_config()
        config.task, config.generator.output_bias = "mine", "zero"
        experiment = build(config, DataFacts((4,), 100))
        assert experiment.condition(2).shape == (2, 100) and experiment.conditions is None
        shape = experiment.abstract_state().generator.params["Dense_0"]["kernel"].shape
        assert shape == (200, 256)  # of latents and condition
    finally:
        del TASKS["mine"]


def test_the_section_of_a_task_of_the_users_own_has_its_fields():
    TASKS["mine"] = lambda *, example_shape, latent, size: Task(condition=lambda count: jnp.zeros((count, size)))
    try:
        config = default.get_config()
        config.task, config.generator.output_bias, config.mine = "mine", "zero", {"size": 7}
        assert problem_texts(config) == []
        assert build(config, DataFacts((4,), 100)).condition(2).shape == (2, 7)
    finally:
        del TASKS["mine"]
    assert any("mine is not a section" in problem for problem in problem_texts(config))


def test_without_a_task_the_step_is_as_it_was():
    config = default.get_config()
    config.generator.output_bias = "zero"
    experiment = build(config, DataFacts((4,), 100))
    assert experiment.task == Task() and experiment.condition(3) is None
    assert not hasattr(experiment.train_step(), "__wrapped__")  # the step itself, and nothing around it
