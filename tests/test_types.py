"""Networks carry their own facts, and the names that were are the names that are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from games import data, scalar_game, start, step_of

import jaxgan
from jaxgan.training.step import make_train_step
from jaxgan.types import Network, PerExample, example_keys


def _init(key, inputs, condition=None):
    return {"params": {}}


def _key_data(variables, inputs, *, condition=None, key=None, train=False):
    """Returns the bits of the keys that it is given."""
    return jax.random.key_data(key), {}


@pytest.mark.parametrize(
    "network",
    [
        Network(_init, _key_data, per_example=True),
        Network(_init, PerExample(_key_data)),
        Network(_init, _key_data)._replace(per_example=True),
        Network(_init, None)._replace(apply=PerExample(_key_data)),
        Network(_init, _key_data, True)._replace(init=_init),
    ],
)
def test_one_key_or_one_for_each_example(network):
    assert network.per_example and not network.independent
    key = jax.random.key(3)
    keys = example_keys(key, 2)
    expected = [jax.random.key_data(jax.random.fold_in(key, i)) for i in range(2)]
    for given in (key, keys):
        np.testing.assert_array_equal(network.apply({}, jnp.zeros((2, 1)), key=given)[0], expected)
        np.testing.assert_array_equal(network.apply({}, {"a": jnp.zeros((2, 1))}, key=given)[0], expected)


def test_replace_keeps_the_facts_and_changes_them():
    network = Network(_init, PerExample(_key_data, independent=True))
    assert network.independent and network._replace(apply=lambda *_, **__: None).independent
    assert not network._replace(independent=False).independent
    assert not network._replace(apply=PerExample(_key_data)).independent
    shared = network._replace(per_example=False)
    assert not shared.per_example and not shared.independent and shared.apply is _key_data
    assert not Network(_init, _key_data, independent=True).independent  # it means nothing without keys per example


@pytest.mark.slow
def test_a_wrapper_by_replace_keeps_noise_equal_in_parts():
    # D's logits are noise of each example's key, so the loss of a batch in two parts is that of the whole only if the
    # wrapper still receives a key for every example.
    def judge(variables, inputs, *, condition=None, key=None, train=False):
        return inputs * variables["params"]["w"] + jax.vmap(jax.random.normal)(key), {}

    game = scalar_game()
    inner = Network(game["discriminator"].init, judge, per_example=True)
    game["discriminator"] = inner._replace(apply=lambda *given, **options: inner.apply(*given, **options))
    state, batch = start(game, example_shape=()), step_of(data(1, shape=()), 0)
    losses = [make_train_step(**game, accumulation_steps=n)(state, batch)[1]["d_loss"] for n in (1, 2)]
    np.testing.assert_allclose(*losses, rtol=1e-6)


def test_earlier_names():
    assert jaxgan.Judgement is jaxgan.DiscriminatorOutput
    assert jaxgan.Sides is jaxgan.DiscriminatorInputs
    assert jaxgan.Seen is jaxgan.TermInputs
    assert jaxgan.step.Game is jaxgan.step.GANSpec
