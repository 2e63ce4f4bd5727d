"""One step, three mappings: the same numbers on one device and on four."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from games import batch_norm_game, data, difference, dropout_game, scalar_game, start, step_of

from jaxgan.parallel import distribute
from jaxgan.training.step import make_train_step, scan_steps
from jaxgan.types import Network

STEPS = 20
MAPPINGS = ("jit", "pmap", "shard_map")
# Where the mappings are compared elsewhere, only one is fast.
SLOW_BUT_JIT = ["jit", *(pytest.param(mapping, marks=pytest.mark.slow) for mapping in MAPPINGS[1:])]


def _factory(game, **options):
    def factory(axis_name=None):
        parts = game(axis_name) if game is batch_norm_game else game()
        return make_train_step(**parts, axis_name=axis_name, **options)

    return factory


@functools.cache
def _trained(game, mapping):
    step, place_state, place_batch = distribute(
        _factory(game, discriminator_steps=2, average_decay=0.9), mapping=mapping
    )
    state, batches = place_state(start(game(), average=True)), data(STEPS, 2, batch=16)
    for i in range(STEPS):
        state, metrics = step(state, place_batch(step_of(batches, i)))
    return jax.device_get((state.replace(key=jax.random.key_data(state.key)), metrics))


@pytest.mark.medium
@pytest.mark.parametrize(
    ("game", "mapping"),
    [
        (dropout_game, "shard_map"),
        pytest.param(batch_norm_game, "pmap", marks=pytest.mark.slow),
        pytest.param(dropout_game, "pmap", marks=pytest.mark.slow),
        pytest.param(batch_norm_game, "shard_map", marks=pytest.mark.slow),
    ],
)
def test_four_devices_train_as_one_does(game, mapping):
    assert jax.device_count() == 4
    assert difference(_trained(game, mapping), _trained(game, "jit")) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("mapping", ["pmap", "shard_map"])
def test_four_devices_in_two_parts_each_train_as_one_does(mapping):
    step, place_state, place_batch = distribute(_factory(dropout_game, accumulation_steps=2), mapping=mapping)
    whole, *_ = distribute(_factory(dropout_game), mapping="jit")
    batches = data(4, batch=16)
    state, expected = place_state(start(dropout_game())), start(dropout_game())
    for i in range(4):
        state, metrics = step(state, place_batch(step_of(batches, i)))
        expected, last = whole(expected, step_of(batches, i))
    assert (
        difference((state.generator, state.discriminator, metrics), (expected.generator, expected.discriminator, last))
        < 1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize("mapping", ["pmap", "shard_map"])
def test_batch_statistics_in_parts_over_devices(mapping):
    step, place_state, place_batch = distribute(_factory(batch_norm_game, accumulation_steps=2), mapping=mapping)
    state, _ = step(place_state(start(batch_norm_game())), place_batch(step_of(data(1, batch=16), 0)))
    found = state.discriminator.model_state["batch_stats"]["BatchNorm_0"]["mean"]
    whole, *_ = distribute(_factory(batch_norm_game), mapping="jit")
    once, _ = whole(start(batch_norm_game()), step_of(data(1, batch=16), 0))
    expected = once.discriminator.model_state["batch_stats"]["BatchNorm_0"]["mean"]
    # Moved towards the same means twice as often, from 0: 1 - .9^4 of the way where it was 1 - .9^2.
    assert abs(np.linalg.norm(found) / np.linalg.norm(expected) - (1 - 0.9**4) / (1 - 0.9**2)) < 0.1


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_gradients_are_averaged_and_not_summed(mapping):
    # d/dw of E softplus(-w·x) + E softplus(w·g) at w = 0 is -mean(x)/2 + g/2 = -(1 + ... + 8)/16 - .5 = -2.75.
    def judge(variables, inputs, *, condition=None, key=None, train=False):
        return variables["params"]["w"] * inputs, {}

    game = dropout_game() | {
        "discriminator": Network(lambda key, inputs, condition=None: {"params": {"w": jnp.zeros(())}}, judge),
        "generator": Network(
            lambda key, inputs, condition=None: {"params": {"t": -jnp.ones(())}},
            lambda variables, z, **_: (jnp.broadcast_to(variables["params"]["t"], z.shape[:1]), {}),
        ),
    }
    step, place_state, place_batch = distribute(functools.partial(make_train_step, **game), mapping=mapping)
    state = place_state(start(game, example_shape=()))
    _, metrics = step(state, place_batch({"real": jnp.arange(1.0, 9.0)[None]}))
    np.testing.assert_allclose(metrics["d_gradient_norm"], 2.75, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("mapping", SLOW_BUT_JIT)
def test_scanned_steps_under_every_mapping(mapping):
    def factory(axis_name):
        return scan_steps(_factory(dropout_game, discriminator_steps=2, average_decay=0.9)(axis_name))

    step, place_state, place_batch = distribute(factory, mapping=mapping, batch_axis=2)
    batches = data(STEPS, 2, batch=16)
    state, metrics = step(place_state(start(dropout_game(), average=True)), place_batch(batches))
    expected, last = _trained(dropout_game, "jit")
    assert difference(state.replace(key=jax.random.key_data(state.key)), expected) < 1e-5
    assert difference(jax.tree.map(lambda leaf: leaf[-1], metrics), last) < 1e-5


@pytest.mark.medium
@pytest.mark.parametrize("mapping", SLOW_BUT_JIT)
def test_one_trace_and_the_callers_state_is_kept(mapping):
    traces = []

    def factory(axis_name):
        train_step = _factory(dropout_game)(axis_name)

        def counted(state, batch):
            traces.append(1)
            return train_step(state, batch)

        return counted

    step, place_state, place_batch = distribute(factory, mapping=mapping)
    first = start(dropout_game())
    state, batches = place_state(first), data(3, batch=8)
    for i in range(3):
        state, _ = step(state, place_batch(step_of(batches, i)))
    assert len(traces) == 1
    assert int(first.step) == 0 and np.isfinite(first.generator.params["Dense_0"]["kernel"]).all()


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_arguments_that_every_device_gets_whole(mapping):
    def factory(axis_name):
        train_step = make_train_step(**scalar_game(), axis_name=axis_name)
        return lambda state, batch, table: train_step(state, {"real": table[batch["index"]]})

    step, place_state, place_batch = distribute(factory, mapping=mapping, shared=1)
    state = place_state(start(scalar_game(), example_shape=()))
    table = np.array([9.0, 1.0, 9.0, 3.0], np.float32)
    index = np.array([[1, 1, 3, 3]], np.int32)  # real [1, 1, 3, 3]: the pinned case of test_step.py
    state, _ = step(state, place_batch({"index": index}), place_state(table))
    np.testing.assert_allclose(state.discriminator.params["w"], 0.15, atol=1e-7)
    np.testing.assert_allclose(state.generator.params["theta"], -0.99193853, atol=1e-7)


@pytest.mark.parametrize("mapping", ["pmap", "shard_map"])
def test_a_batch_that_does_not_divide_is_refused_with_both_numbers(mapping):
    *_, place_batch = distribute(_factory(dropout_game), mapping=mapping)
    with pytest.raises(ValueError, match=r"\(1, 6, 6\).*4 devices"):
        place_batch(step_of(data(1, batch=6), 0))


def test_auto_is_jit_on_one_device_and_jit_refuses_several():
    step, *_ = distribute(_factory(dropout_game), devices=jax.devices()[:1])
    assert type(step) is type(jax.jit(lambda x: x))
    with pytest.raises(ValueError, match="one device"):
        distribute(_factory(dropout_game), mapping="jit", devices=jax.devices())
    with pytest.raises(ValueError, match="unknown mapping 'xmap'; did you mean pmap"):
        distribute(_factory(dropout_game), mapping="xmap")


def _dcgan_experiment():
    from configs import dcgan
    from jaxgan.config import DataFacts, build

    config = dcgan.get_config()
    config.generator.widths, config.discriminator.widths, config.batch_size = (4, 3), (3, 4), 8
    config.generator.initial_scale = config.discriminator.initial_scale = 0.3
    return build(config, DataFacts((8, 8, 1), 8))


@pytest.mark.slow
def test_batch_statistics_of_a_configs_network_are_over_all_devices():
    experiment = _dcgan_experiment()
    batch = {"real": jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (1, 8, 8, 8, 1)), jnp.float32)}
    states = []
    for mapping in ("jit", "pmap"):
        step, place_state, place_batch = distribute(experiment.train_step, mapping=mapping)
        state = place_state(experiment.initial_state(0))
        for _ in range(3):
            state, _ = step(state, place_batch(batch))
        states.append(jax.device_get(state.replace(key=jax.random.key_data(state.key))))
    assert difference(*states) < 1e-4  # Adam divides by small numbers at first
    statistics = states[0].discriminator.model_state["batch_stats"]["BatchNorm_0"]["mean"]
    assert np.abs(statistics).max() > 0.01
