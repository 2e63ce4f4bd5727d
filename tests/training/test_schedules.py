"""Numbers that change from step to step: by hand, as steps of the right numbers one by one, and on several devices."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from games import curved_game, data, difference, equal, start, step_of

from jaxgan.config import DataFacts, build, check, complete, schema
from jaxgan.config.build import stacked_hyperparameters
from jaxgan.losses.penalties import r1
from jaxgan.optimizers import OPTIMIZERS
from jaxgan.parallel import distribute
from jaxgan.training.schedules import SCHEDULES, Schedule, scheduled
from jaxgan.training.step import make_train_step


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        # From 8 to 2 in 4 steps, after 0, 1, 2, 4 and 9: half a cosine is at (1 - cos 45 degrees)/2 = .1464 after 1.
        ("linear", [8, 6.5, 5, 2, 2]),
        ("cosine", [8, 8 - 6 * 0.14645, 5, 2, 2]),
        ("exponential", [8, 8 * 0.25**0.25, 4, 2, 2]),
    ],
)
def test_shapes_by_hand(shape, expected):
    schedule = Schedule(SCHEDULES[shape], last=2.0, steps=4)
    found = jax.vmap(lambda step: schedule.at(8.0, step))(jnp.array([0, 1, 2, 4, 9]))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def _step_of(values, axis_name=None):
    adam = OPTIMIZERS["adam"](values["rate"], b1=0.0, b2=values["b2"])
    options = {"penalties": [r1(values["gamma"])], "average_decay": values["decay"], "axis_name": axis_name}
    return make_train_step(**curved_game() | {"discriminator_tx": adam, "generator_tx": adam}, **options)


FIRST = {"rate": 0.1, "b2": 0.9, "gamma": 0.0, "decay": 0.0}
SCHEDULED = {
    "b2": Schedule(SCHEDULES["linear"], last=0.99, steps=2),
    "gamma": Schedule(SCHEDULES["linear"], last=3.0, steps=2),
    "decay": Schedule(SCHEDULES["linear"], last=0.8, steps=2),
}


def _first_state():
    adam = OPTIMIZERS["adam"](0.1, b1=0.0)
    return start(curved_game() | {"discriminator_tx": adam, "generator_tx": adam}, example_shape=(3,), average=True)


@pytest.mark.medium
def test_a_scheduled_step_makes_the_step_of_the_values_at_its_number():
    batches = data(4, shape=(3,))
    train_step = jax.jit(scheduled(_step_of, FIRST, SCHEDULED))
    state = expected = _first_state()
    plain = jax.jit(lambda values, state, batch: _step_of(values)(state, batch))
    for i, share in enumerate((0, 0.5, 1, 1)):
        values = {"rate": 0.1, "b2": 0.9 + 0.09 * share, "gamma": 3.0 * share, "decay": 0.8 * share}
        state, metrics = train_step(state, step_of(batches, i))
        expected, wanted = plain(values, expected, step_of(batches, i))
        np.testing.assert_allclose(metrics["d_loss"], wanted["d_loss"], rtol=1e-5)
        if i == 0:  # a decay of 0: the average is the parameters as they are
            assert equal(state.average_params, state.generator.params)
    assert difference(state.replace(key=expected.key), expected) < 1e-6
    # Without the schedules it is another run.
    other = _first_state()
    for i in range(4):
        other, _ = plain(FIRST, other, step_of(batches, i))
    assert difference(other.discriminator.params, state.discriminator.params) > 1e-3
    with pytest.raises(KeyError, match="unknown numbers: beta"):
        scheduled(_step_of, FIRST, {"beta": SCHEDULED["b2"]})


@pytest.mark.medium
@pytest.mark.parametrize("mapping", [pytest.param("pmap", marks=pytest.mark.slow), "shard_map"])
def test_values_are_the_same_on_four_devices(mapping):
    found = []
    for kind in (mapping, "jit"):
        step, place, place_batch = distribute(
            lambda axis_name: scheduled(functools.partial(_step_of, axis_name=axis_name), FIRST, SCHEDULED),
            mapping=kind,
        )
        state = place(_first_state())
        for i in range(3):
            state, _ = step(state, place_batch(step_of(data(3, shape=(3,)), i)))
        found.append((state.generator.params, state.discriminator.params, state.average_params))
    assert difference(*found) < 1e-5


# From a config


def _config(**changes):
    config = complete({"batch_size": 10, "discriminator_steps": 2})
    config = schema.replaced(config, {name.replace("__", "."): value for name, value in changes.items()})
    check(config)
    return complete(config)


def test_a_config_counts_examples_of_the_discriminator_and_starts_at_the_fields_own_values():
    config = _config(
        penalties__r1=0.5,
        schedules="penalties.r1=linear(.1, 200); generator_optimizer.b2 & discriminator_optimizer.b2=cosine(.5, 4_000)",
    )
    experiment = build(config, DataFacts((4,), 100))
    # 2 x 10 examples a step.
    assert {name: (schedule.last, schedule.steps) for name, schedule in experiment.schedules.items()} == {
        "penalties.r1": (0.1, 10),
        "generator_optimizer.b2": (0.5, 200),
        "discriminator_optimizer.b2": (0.5, 200),
    }
    assert {*experiment.schedules} < {*experiment.hyperparameters}


def test_what_starts_at_nothing_is_part_of_the_step_if_it_has_a_schedule():
    changes = {"penalties.r1": (0.5, "penalties"), "consensus": (0.5, "consensus"), "terms.adversarial": (0.5, "loss")}
    changes |= {"average_decay": (0.9, "average_decay"), "latent_optimization.step": (0.5, "latent_optimization")}
    off = build(_config(), DataFacts((4,), 100))
    for name, (last, option) in changes.items():
        config = _config(schedules=f"{name}=linear({last}, 100)")
        assert name in schema.traced(config) and name not in schema.traced(_config())
        experiment = build(config, DataFacts((4,), 100))
        numbers = jax.tree.map(lambda leaf: leaf[0], stacked_hyperparameters([config]))
        there, missing = experiment.step_options(numbers)[option], off.options[option]
        assert (there and not missing) or there is not missing, name
    assert (
        build(_config(schedules="average_decay=linear(.9,100)"), DataFacts((4,), 100)).abstract_state().average_params
    )
    # A schedule of a field that another field needs counts as that field being on.
    text = "penalties.dragan=linear(10,100); penalties.dragan_spread=linear(.1,100)"
    assert "penalties.dragan_spread" in schema.traced(_config(schedules=text))


def test_half_lives_are_decays_by_examples():
    # 20 examples a step and a half-life of 60: a third of it in a step. A half-life of next to nothing: a decay of 0.
    for half_life, decay in ((60.0, 0.5 ** (1 / 3)), (1e-20, 0.0)):
        experiment = build(_config(average_half_life=half_life), DataFacts((4,), 100))
        np.testing.assert_allclose(experiment.options["average_decay"], decay, rtol=1e-6)
    assert build(_config(), DataFacts((4,), 100)).options["average_decay"] is None


def test_the_probability_of_augmentations_follows_its_schedule():
    # D's logit is the mean of its input; noise of .1 is added with a probability of 0, then 1/2, then 1.
    config = _config(
        augmentation__names=("noise",),
        augmentation__probability=0.0,
        schedules="augmentation.probability=linear(1, 40)",
        discriminator_optimizer__name="sgd",
        generator_optimizer__name="sgd",
    )
    assert "augmentation.probability" in schema.traced(config)
    images = jnp.zeros((400, 4))
    keys = jax.random.split(jax.random.key(0), 400)
    experiment = build(config, DataFacts((4,), 1_000))

    @jax.jit
    def share(step):
        values = {name: schedule.at(0.0, step) for name, schedule in experiment.schedules.items()}
        discriminator = experiment.networks(None, values["augmentation.probability"])[1]
        variables = discriminator.init(jax.random.key(1), images[:2])
        plain, moved = (discriminator.apply(variables, images, key=keys, train=train)[0] for train in (False, True))
        return (plain != moved).mean()

    found = [float(share(jnp.int32(step))) for step in (0, 1, 2, 3)]
    assert found[0] == 0 and abs(found[1] - 0.5) < 0.1 and found[2:] == [1, 1]


def test_a_rate_may_follow_both_kinds_of_schedules():
    # rate 1e-2 / 2^t by the optimizer's own count, and its first value from 1e-2 to 0 by examples.
    config = _config(
        generator_optimizer__name="sgd",
        generator_optimizer__rate_schedule="exponential",
        generator_optimizer__rate_decay=2.0,
        schedules="generator_optimizer.learning_rate=linear(0.0, 1e3)",
    )
    assert "generator_optimizer.learning_rate" in schema.traced(config)
    experiment = build(config, DataFacts((4,), 100))
    tx = experiment.step_options({**experiment.hyperparameters, "generator_optimizer.learning_rate": 1.0})[
        "generator_tx"
    ]
    params = {"w": jnp.zeros(1)}
    state = tx.init(params)
    for expected in (-1.0, -0.5):
        updates, state = tx.update({"w": jnp.ones(1)}, state, params)
        np.testing.assert_allclose(optax.apply_updates(params, updates)["w"], expected, rtol=1e-6)
