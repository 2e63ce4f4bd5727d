"""Modules of flax linen, flax nnx, equinox and haiku as networks: one contract, with all that they remember."""

import functools
import sys

import equinox as eqx
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen, nnx

import jaxgan
from jaxgan.latents import LATENTS
from jaxgan.losses import LOSSES
from jaxgan.parallel import distribute
from jaxgan.training.step import init_state, make_train_step, scan_steps

KEY, LATENT, SIZE, CLASSES = jax.random.key(0), 5, 3, 4
WIDTH, MOMENTUM, RATE = 6, 0.9, 0.5

# One network in four libraries: a linear layer of the inputs and the condition, batch norm, relu, dropout, a linear
# layer, in this order. A discriminator has 0 outputs: one logit.


class Linen(linen.Module):
    outputs: int

    @linen.compact
    def __call__(self, inputs, train, condition=None):
        inputs = inputs if condition is None else jnp.concatenate([inputs, condition], 1)
        hidden = linen.BatchNorm(not train, momentum=MOMENTUM)(linen.Dense(WIDTH)(inputs))
        hidden = linen.Dropout(RATE, deterministic=not train)(jax.nn.relu(hidden))
        return linen.Dense(self.outputs)(hidden) if self.outputs else linen.Dense(1)(hidden)[:, 0]


class Nnx(nnx.Module):
    def __init__(self, inputs, outputs, rngs):
        self.first, self.last = nnx.Linear(inputs, WIDTH, rngs=rngs), nnx.Linear(WIDTH, outputs or 1, rngs=rngs)
        self.norm, self.dropout = nnx.BatchNorm(WIDTH, momentum=MOMENTUM, rngs=rngs), nnx.Dropout(RATE, rngs=rngs)
        self.outputs = outputs

    def __call__(self, inputs, condition=None):
        inputs = inputs if condition is None else jnp.concatenate([inputs, condition], 1)
        outputs = self.last(self.dropout(jax.nn.relu(self.norm(self.first(inputs)))))
        return outputs if self.outputs else outputs[:, 0]


class Equinox(eqx.Module):
    first: eqx.nn.Linear
    last: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    dropout: eqx.nn.Dropout

    def __init__(self, inputs, outputs, key):
        first, last = jax.random.split(key)
        self.first = eqx.nn.Linear(inputs, WIDTH, key=first)
        self.last = eqx.nn.Linear(WIDTH, outputs or "scalar", key=last)
        self.norm = eqx.nn.BatchNorm(WIDTH, axis_name="examples", momentum=MOMENTUM, mode="batch")
        self.dropout = eqx.nn.Dropout(RATE)

    def __call__(self, example, state, *, condition=None, key=None):
        example = example if condition is None else jnp.concatenate([example, condition])
        hidden, state = self.norm(self.first(example), state)
        return self.last(self.dropout(jax.nn.relu(hidden), key=key)), state


def haiku_function(outputs):
    def network(inputs, is_training, condition=None):
        inputs = inputs if condition is None else jnp.concatenate([inputs, condition], 1)
        hidden = hk.BatchNorm(True, True, MOMENTUM)(hk.Linear(WIDTH)(inputs), is_training)
        hidden = jax.nn.relu(hidden)
        hidden = hk.dropout(hk.next_rng_key(), RATE, hidden) if is_training else hidden
        return hk.Linear(outputs)(hidden) if outputs else hk.Linear(1)(hidden)[:, 0]

    return network


LIBRARIES = {
    "linen": lambda inputs, outputs: jaxgan.from_linen(Linen(outputs)),
    "nnx": lambda inputs, outputs: jaxgan.from_nnx(lambda rngs: Nnx(inputs, outputs, rngs)),
    "equinox": lambda inputs, outputs: jaxgan.from_equinox(
        lambda key: Equinox(inputs, outputs, key), axis_name="examples"
    ),
    "haiku": lambda inputs, outputs: jaxgan.from_haiku(haiku_function(outputs)),
}
PLAIN = {
    "linen": lambda inputs, outputs: jaxgan.from_linen(
        linen.Sequential([linen.Dense(WIDTH), jnp.tanh, linen.Dense(2)])
    ),
    "nnx": lambda inputs, outputs: jaxgan.from_nnx(lambda rngs: nnx.Linear(inputs, 2, rngs=rngs)),
    "equinox": lambda inputs, outputs: jaxgan.from_equinox(lambda key: eqx.nn.MLP(inputs, 2, WIDTH, 1, key=key)),
    "haiku": lambda inputs, outputs: jaxgan.from_haiku(lambda inputs: hk.nets.MLP([WIDTH, 2])(inputs)),
}
each_library = pytest.mark.parametrize("library", LIBRARIES)


@functools.cache
def game(library, rate=0.1):
    return {
        "generator": LIBRARIES[library](LATENT, SIZE),
        "discriminator": LIBRARIES[library](SIZE, 0),
        "generator_tx": optax.sgd(rate),
        "discriminator_tx": optax.sgd(rate),
        "latent": LATENTS["normal"](LATENT),
    }


def begin(library):
    return init_state(KEY, **game(library), example=jnp.zeros((2, SIZE)))


def equal(a, b):
    return jax.tree.all(jax.tree.map(lambda x, y: bool((x == y).all()), a, b))


@pytest.mark.medium
@each_library
def test_batch_norm_and_dropout_are_those_of_training_and_of_evaluation(library):
    network = LIBRARIES[library](SIZE, 0)
    inputs = 3 + 2 * jax.random.normal(KEY, (64, SIZE))
    variables = network.init(KEY, jax.random.normal(KEY, (64, SIZE)))
    state = {name: leaf for name, leaf in variables.items() if name != "params"}

    evaluate = jax.jit(lambda variables: network.apply(variables, inputs))
    train = jax.jit(lambda variables, key: network.apply(variables, inputs, key=key, train=True))

    # In evaluation: deterministic, and nothing is remembered.
    (first, after), (again, _) = evaluate(variables), evaluate(variables)
    np.testing.assert_array_equal(first, again)
    assert first.shape == (64,) and equal(after, state)
    # In training: masks depend on the key, and the running statistics move towards the batch's.
    (a, after), (same, _), (b, _) = (train(variables, jax.random.key(i)) for i in (1, 1, 2))
    np.testing.assert_array_equal(a, same)
    assert (a != b).any() and jax.tree.structure(after) == jax.tree.structure(state)
    for _ in range(100):
        _, after = train(variables | after, KEY)
    # Then the outputs of evaluation are the means of those of training: each mask keeps half, twice as large.
    expected = np.mean([train(variables, jax.random.key(i))[0] for i in range(300)], axis=0)
    found, _ = evaluate(variables | after)
    assert np.abs(found - expected).mean() < 0.2 * np.std(expected) and np.abs(found - first).max() > 0.05


@pytest.mark.medium
@pytest.mark.parametrize(
    "library", ["nnx", *(pytest.param(n, marks=pytest.mark.slow) for n in LIBRARIES if n != "nnx")]
)
def test_a_players_update_moves_all_of_it_and_leaves_the_other_bit_identical(library):
    state, real = begin(library), jax.random.normal(KEY, (1, 16, SIZE))

    @jax.jit
    def step(state, g_rate, d_rate):
        txs = {"generator_tx": optax.sgd(g_rate), "discriminator_tx": optax.sgd(d_rate)}
        return make_train_step(**game(library) | txs, loss=LOSSES["non_saturating"])(state, {"real": real})

    (both, metrics), (g_only, _), (d_only, _) = (step(state, *rates) for rates in ((0.1, 0.1), (0.1, 0.0), (0.0, 0.1)))
    assert np.isfinite(metrics["d_loss"]) and np.isfinite(metrics["g_loss"])
    assert equal(g_only.discriminator.params, state.discriminator.params)
    assert equal(d_only.generator.params, state.generator.params)
    # Statistics included: the discriminator's are of its own passes, whether the generator moves after them or not.
    assert equal(both.discriminator, d_only.discriminator)
    for name, of_one in (("generator", g_only), ("discriminator", d_only)):
        before, player = getattr(state, name), getattr(of_one, name)
        changed = [(x != y).any() for x, y in zip(*map(jax.tree.leaves, (player.params, before.params)), strict=True)]
        # All but biases before batch norm, the next player's included, whose gradients are 0 up to rounding.
        assert len(changed) == 6 and sum(changed) >= 4 and not equal(player.model_state, before.model_state)


@pytest.mark.medium
@each_library
def test_the_first_parameters_depend_on_the_key_only(library):
    network = LIBRARIES[library](SIZE, 0)
    inputs = jax.random.normal(KEY, (7, SIZE))
    first, same, other = (network.init(jax.random.key(i), inputs[:n]) for i, n in ((0, 2), (0, 7), (1, 2)))
    assert equal(first["params"], same["params"]) and set(first) > {"params"}
    assert not equal(first["params"], other["params"])
    compiled = jax.jit(network.init)(jax.random.key(0), inputs[:2])
    assert jax.tree.structure(compiled) == jax.tree.structure(first)
    for a, b in zip(*map(jax.tree.leaves, (compiled, first)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@each_library
def test_scanned_steps_are_single_steps(library):
    parts, state = game(library), begin(library)
    step = make_train_step(**parts, loss=LOSSES["hinge"])
    batches = {"real": jax.random.normal(KEY, (3, 1, 16, SIZE))}
    scanned, _ = jax.jit(scan_steps(step))(state, batches)
    single = jax.jit(step)
    for i in range(3):
        state, _ = single(state, jax.tree.map(lambda x, i=i: x[i], batches))
    for a, b in zip(jax.tree.leaves(scanned.generator), jax.tree.leaves(state.generator), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.medium
@each_library
def test_a_condition_reaches_the_module(library):
    network = LIBRARIES[library](SIZE + CLASSES, 0)
    inputs, labels = jax.random.normal(KEY, (8, SIZE)), jax.nn.one_hot(jnp.arange(8) % CLASSES, CLASSES)
    variables = network.init(KEY, inputs, condition=labels)
    first, moved = (network.apply(variables, inputs, condition=c)[0] for c in (labels, labels[::-1]))
    assert (first != moved).all()
    outputs, _ = network.apply(variables, inputs, condition=jnp.zeros_like(labels))
    assert not np.allclose(outputs, first)


@pytest.mark.medium
@each_library
def test_plain_modules_need_no_keywords_and_say_so_of_a_condition(library):
    network = PLAIN[library](SIZE, 2)
    inputs = jax.random.normal(KEY, (8, SIZE))
    variables = network.init(KEY, inputs)
    assert set(variables) == {"params"}
    (found, state), (trained, _) = (
        network.apply(variables, inputs),
        network.apply(variables, inputs, key=KEY, train=True),
    )
    np.testing.assert_array_equal(found, trained)
    assert found.shape == (8, 2) and state == {}
    with pytest.raises(ValueError, match="this module takes no condition; give its call a keyword condition, or wrap"):
        network.apply(variables, inputs, condition=inputs)


DEVICES = [("equinox", 1e-5), *((name, None) for name in LIBRARIES)]


@pytest.mark.slow
@pytest.mark.parametrize(("library", "tolerance"), DEVICES)
def test_on_four_devices(library, tolerance):
    """Without batch norm, equinox's masks are the examples' own: one device equals four. With it, states stay equal."""
    parts = dict(game(library))
    if tolerance:

        class Noisy(eqx.Module):
            mlp: eqx.nn.MLP
            dropout: eqx.nn.Dropout

            def __call__(self, example, *, key=None):
                return self.mlp(self.dropout(example, key=key))

        def make(inputs, outputs):
            return jaxgan.from_equinox(
                lambda key: Noisy(eqx.nn.MLP(inputs, outputs, WIDTH, 1, key=key), eqx.nn.Dropout(RATE))
            )

        parts |= {"generator": make(LATENT, SIZE), "discriminator": make(SIZE, "scalar")}
    state = init_state(KEY, **parts, example=jnp.zeros((2, SIZE)))
    batch, after = {"real": jax.random.normal(KEY, (1, 16, SIZE))}, []
    mapped = "pmap" if library == "equinox" and not tolerance else "shard_map"
    for mapping, count in (("jit", 1), (mapped, 4)) if tolerance else ((mapped, 4),):
        factory = functools.partial(make_train_step, **parts, loss=LOSSES["non_saturating"])
        step, place_state, place_batch = distribute(factory, mapping=mapping, devices=jax.devices()[:count])
        after.append(step(place_state(state), place_batch(batch))[0])
    if tolerance:
        for a, b in zip(*map(jax.tree.leaves, (after[0].generator, after[1].generator)), strict=True):
            np.testing.assert_allclose(a, b, atol=tolerance)
    assert not equal(after[-1].discriminator.params, state.discriminator.params)
    if mapped == "pmap":
        step, place_state, place_batch = distribute(factory, mapping="shard_map")
        with pytest.raises(ValueError, match='the axis "examples" of examples under shard_map; use mapping="pmap"'):
            step(place_state(state), place_batch(batch))
    for leaf in jax.tree.leaves(after[-1].discriminator.model_state):
        np.testing.assert_array_equal(*[np.asarray(shard.data) for shard in leaf.addressable_shards[:2]])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: jaxgan.from_linen(linen.Dense), "takes a flax linen module, such as nn.Dense.2., got the class Dense"),
        (lambda: jaxgan.from_linen(nnx.Linear(2, 2, rngs=nnx.Rngs(0))), "takes a flax linen module.* got a Linear"),
        (lambda: jaxgan.from_nnx(nnx.Linear(2, 2, rngs=nnx.Rngs(0))), "takes a function that makes .* got a Linear"),
        (
            lambda: jaxgan.from_nnx(Nnx),
            "calls its argument with nnx.Rngs alone: missing a required argument: '.*'; give l",
        ),
        (lambda: jaxgan.from_nnx(lambda rngs: 3), "takes a function .*that makes a module, and this one makes"),
        (lambda: jaxgan.from_equinox(eqx.nn.Linear(2, 2, key=KEY)), "such as lambda key: .* got a Linear"),
        (lambda: jaxgan.from_equinox(lambda key: jnp.zeros(2)), "this one makes an array of shape"),
        (lambda: jaxgan.from_haiku(hk.transform(lambda x: x)), "takes the function that hk.transform takes.* got a Tr"),
        (lambda: jaxgan.from_haiku(3), "such as lambda x: .*, got 3"),
    ],
)
def test_what_is_no_module_is_one_sentence(make, said):
    with pytest.raises(TypeError, match=said):
        make()


@pytest.mark.parametrize(
    ("module", "name", "extra"),
    [("equinox", "from_equinox", "equinox"), ("haiku", "from_haiku", "haiku"), ("flax.nnx", "from_nnx", "train")],
)
def test_a_library_that_is_not_installed(module, name, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModuleNotFoundError, match=rf"is not installed; .* run: pip install 'jaxgan\[{extra}\]'"):
        getattr(jaxgan, name)(lambda *_: None)


def test_values_that_a_module_sows_are_dropped():
    class Sowing(linen.Module):
        @linen.compact
        def __call__(self, inputs):
            self.sow("intermediates", "inputs", inputs)
            return linen.Dense(2)(inputs)

    class SowingNnx(nnx.Module):
        def __init__(self, rngs):
            self.norm = nnx.BatchNorm(SIZE, rngs=rngs)

        def __call__(self, inputs):
            self.sow(nnx.Intermediate, "inputs", inputs)
            return self.norm(inputs)

    inputs = jnp.ones((4, SIZE))
    for network, names in (
        (jaxgan.from_linen(Sowing()), {"params"}),
        (jaxgan.from_nnx(SowingNnx), {"params", "state"}),
    ):
        variables = network.init(KEY, inputs)
        _, state = network.apply(variables, inputs, key=KEY, train=True)
        assert set(variables) == names and set(state) == names - {"params"}
        assert "inputs" not in state.get("state", {})


def test_the_class_of_an_nnx_module_that_takes_rngs_alone_is_enough():
    class ByName(nnx.Module):
        def __init__(self, outputs=2, *, rngs):
            self.layer = nnx.Linear(3, outputs, rngs=rngs)

        def __call__(self, inputs):
            return self.layer(inputs)

    def by_place(rngs, /):
        return ByName(5, rngs=rngs)

    for make, outputs in ((ByName, 2), (functools.partial(ByName, 4), 4), (by_place, 5)):
        network, inputs = jaxgan.from_nnx(make), jnp.ones((4, 3))
        variables = network.init(jax.random.key(0), inputs)
        assert network.apply(variables, inputs)[0].shape == (4, outputs)


@pytest.mark.medium
def test_arrays_of_equinox_that_are_no_floats_are_kept_and_not_trained():
    class Permuted(eqx.Module):
        order: jax.Array
        linear: eqx.nn.Linear

        def __init__(self, key):
            self.order, self.linear = jnp.array([2, 0, 1]), eqx.nn.Linear(SIZE, 2, key=key)

        def __call__(self, example):
            return self.linear(example[self.order])

    network = jaxgan.from_equinox(Permuted)
    inputs = jax.random.normal(KEY, (4, SIZE))
    variables = network.init(KEY, inputs)
    assert set(variables["params"]) == {"linear.weight", "linear.bias"} and set(variables["constants"]) == {"order"}
    outputs, state = network.apply(variables, inputs, key=jax.random.split(KEY, 4), train=True)
    weight, bias = variables["params"]["linear.weight"], variables["params"]["linear.bias"]
    np.testing.assert_allclose(outputs, inputs[:, jnp.array([2, 0, 1])] @ weight.T + bias[None], rtol=1e-5)
    np.testing.assert_array_equal(state["constants"]["order"], [2, 0, 1])
