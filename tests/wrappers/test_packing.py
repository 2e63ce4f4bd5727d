"""PacGAN: packs of examples, judged as one."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from games import data, difference, dropout_game, start, step_of

from jaxgan.losses.penalties import PENALTIES
from jaxgan.networks import dcgan, maxout
from jaxgan.parallel import distribute
from jaxgan.training.step import make_train_step
from jaxgan.types import Network
from jaxgan.wrappers.packing import pack

KEY = jax.random.key(0)


def seen(inputs):
    """What a discriminator is given, as its output."""
    return Network(lambda key, inputs, condition=None: {"params": inputs}, lambda v, x, **_: (x, {})), inputs


def test_what_a_pack_is():
    network, images = seen(jnp.arange(2 * 2 * 3 * 4).reshape(4, 1, 3, 4))  # four images of 1 x 3 and 4 channels
    found, _ = pack(network, 2).apply({}, images)
    assert found.shape == (2, 1, 3, 8)
    np.testing.assert_array_equal(found[0, 0, 2], [*images[0, 0, 2], *images[1, 0, 2]])
    np.testing.assert_array_equal(found[1, 0, 0], [*images[2, 0, 0], *images[3, 0, 0]])
    vectors, _ = pack(network, 3).apply({}, jnp.arange(12).reshape(6, 2))
    np.testing.assert_array_equal(vectors, np.arange(12).reshape(2, 6))
    numbers, _ = pack(network, 2).apply({}, jnp.arange(6))
    np.testing.assert_array_equal(numbers, [[0, 1], [2, 3], [4, 5]])
    assert pack(network, 1) is network


def test_a_condition_is_packed_too_and_keys_are_those_of_the_first():
    given = {}

    def judge(variables, inputs, *, condition=None, key=None, train=False):
        given.update(condition=condition, key=key)
        return inputs.sum(1), {}

    packed = pack(Network(lambda *_: {}, judge, per_example=True, independent=True), 2)
    assert packed.independent
    packed.apply({}, jnp.ones((4, 3)), condition=jnp.arange(8).reshape(4, 2), key=KEY, train=True)
    np.testing.assert_array_equal(given["condition"], [[0, 1, 2, 3], [4, 5, 6, 7]])
    keys = jax.vmap(jax.random.fold_in, (None, 0))(KEY, jnp.arange(4))
    np.testing.assert_array_equal(jax.random.key_data(given["key"]), jax.random.key_data(keys[::2]))


@pytest.mark.slow
def test_a_convolutional_discriminator_of_packs():
    images = jax.random.normal(KEY, (6, 8, 8, 2))
    network = pack(dcgan(widths=(3,), normalization="none"), 3)
    variables = network.init(KEY, images)
    assert variables["params"]["Conv_0"]["kernel"].shape[2] == 6
    assert network.apply(variables, images)[0].shape == (2,)


@pytest.mark.slow
def test_packs_train_alike_on_one_device_and_on_four_and_with_a_penalty():
    game = dropout_game() | {"discriminator": pack(maxout(widths=(12, 8), pieces=3, initial_scale=0.5), 2)}
    found = []
    for mapping in ("jit", "pmap"):
        step, place, place_batch = distribute(functools.partial(make_train_step, **game), mapping=mapping)
        state = place(start(game))
        for i in range(3):
            state, metrics = step(state, place_batch(step_of(data(3, batch=16), i)))
        found.append((state.generator, state.discriminator, metrics))
    assert difference(*found) < 1e-5
    state, metrics = jax.jit(make_train_step(**game, penalties=[PENALTIES["gradient_penalty"](1.0)]))(
        start(game), step_of(data(1), 0)
    )
    plain, _ = jax.jit(make_train_step(**game))(start(game), step_of(data(1), 0))
    assert np.isfinite(float(metrics["d_loss"]))
    assert difference(state.discriminator.params, plain.discriminator.params) > 1e-4


def test_mistakes():
    with pytest.raises(ValueError, match="a pack needs at least 1 example, got 0"):
        pack(seen(jnp.zeros(2))[0], 0)
    with pytest.raises(ValueError, match="a batch of 5 does not divide into packs of 2"):
        pack(seen(jnp.zeros(2))[0], 2).apply({}, jnp.zeros((5, 3)))
