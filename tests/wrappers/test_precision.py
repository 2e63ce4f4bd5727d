"""Networks that compute in bfloat16, or whose products do, with everything that is kept in float32."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from games import batch_norm_game, data, dropout_game, start, step_of

from jaxgan import products
from jaxgan.networks import dcgan, maxout, mlp, r3gan, resnet
from jaxgan.training.step import make_train_step
from jaxgan.types import DiscriminatorOutput, Network
from jaxgan.wrappers.precision import bfloat16_products, compute_in, precision_in_words
from tests.selected import slow_but

KEY = jax.random.key(0)
NETWORKS = {
    "mlp": (mlp(output_shape=(6,), widths=(8, 8), initial_scale=1.0), (5, 4)),
    "maxout": (maxout(widths=(8, 6), pieces=2, initial_scale=0.5), (5, 6)),
    "dcgan": (dcgan(widths=(4, 8), initial_scale=0.3), (5, 8, 8, 2)),
    "dcgan generator": (dcgan(output_shape=(8, 8, 2), widths=(8, 4), initial_scale=0.3), (5, 4)),
    "spectral": (resnet(widths=(4,), normalization="spectral", attention=4, minibatch="deviation"), (5, 4, 4, 2)),
    "virtual": (resnet(output_shape=(4, 4, 2), widths=(4, 4), normalization="virtual"), (5, 4)),
    "r3gan": (r3gan(widths=(8, 16), blocks=1), (5, 8, 8, 2)),
}


def _products(jaxpr):
    """The types that matrix products and convolutions take, in all of a program."""
    for equation in jaxpr.eqns:
        if equation.primitive.name in ("dot_general", "conv_general_dilated"):
            yield {variable.aval.dtype.name for variable in equation.invars}
        for value in equation.params.values():
            for part in value if isinstance(value, tuple | list) else (value,):
                if hasattr(part, "jaxpr") or hasattr(part, "eqns"):
                    yield from _products(getattr(part, "jaxpr", part))


@pytest.mark.parametrize("name", slow_but(["mlp", "dcgan"], NETWORKS))
def test_products_are_in_bfloat16_and_everything_else_is_float32(name):
    network, shape = NETWORKS[name]
    inputs = jax.random.normal(KEY, shape)
    half = compute_in(network, jnp.bfloat16)
    assert (half.per_example, half.independent) == (network.per_example, network.independent)
    variables = jax.jit(half.init)(KEY, inputs)

    def total(params, network):
        outputs, state = network.apply({**variables, "params": params}, inputs, key=KEY, train=True)
        return jnp.square(outputs).sum(), (outputs, state)

    gradient = jax.grad(lambda params: total(params, half), has_aux=True)
    found = list(_products(jax.make_jaxpr(gradient)(variables["params"]).jaxpr))
    assert found and all(types == {"bfloat16"} for types in found)
    (grads, (outputs, state)) = jax.jit(gradient)(variables["params"])
    assert {leaf.dtype.name for leaf in jax.tree.leaves((grads, outputs, state))} == {"float32"}
    expected, full_state = jax.jit(lambda params: total(params, network)[1])(variables["params"])
    assert 0 < np.abs(outputs - expected).max() < 0.05 * np.abs(expected).max()  # 8 bits: 2⁻⁸ a rounding
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(full_state), strict=True):
        np.testing.assert_allclose(a, b, rtol=0.05, atol=0.02)


def in_bfloat16(network):
    return compute_in(network, "bfloat16")


@pytest.fixture
def units(monkeypatch):
    """A processor with units for bfloat16 or, after `units(False)`, without."""

    def there(are=True):
        monkeypatch.setattr(products, "cpu_gains", lambda: are)
        monkeypatch.setattr("jaxgan.wrappers.precision.cpu_gains", lambda: are)
        jax.clear_caches()

    there()
    return there


@pytest.mark.medium
@pytest.mark.parametrize("name", slow_but(["mlp", "dcgan"], NETWORKS))
def test_only_operands_of_products_are_rounded(name, units):
    network, shape = NETWORKS[name]
    inputs = jax.random.normal(KEY, shape)
    rounding = bfloat16_products(network)
    assert (rounding.per_example, rounding.independent) == (network.per_example, network.independent)
    variables = jax.jit(rounding.init)(KEY, inputs)

    def total(params, network):
        outputs, state = network.apply({**variables, "params": params}, inputs, key=KEY, train=True)
        return jnp.square(outputs).sum(), (outputs, state)

    def run(network):
        return jax.jit(jax.grad(lambda params: total(params, network), has_aux=True))(variables["params"])

    found, full = run(rounding), run(network)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(found)} == {"float32"}
    np.testing.assert_allclose(found[1][0], full[1][0], atol=0.05 * np.abs(full[1][0]).max())
    pairs = list(zip(jax.tree.leaves(found), jax.tree.leaves(full), strict=True))
    assert any(np.abs(a - b).max() > 1e-4 * np.abs(b).max() for a, b in pairs)
    units(False)
    for a, b in zip(jax.tree.leaves(run(rounding)), jax.tree.leaves(full), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6 * np.abs(b).max())


def test_a_run_says_its_precision(units):
    assert precision_in_words("bfloat16") == "bfloat16"
    assert precision_in_words("bfloat16_products") == "bfloat16_products"
    units(False)
    line = precision_in_words("bfloat16_products")
    assert "here float32, since this processor has no units for bfloat16 (amx_bf16)" in line


def test_a_discriminators_output_and_a_whole_number_condition_pass_through():
    def apply(variables, inputs, *, condition=None, key=None, train=False):
        assert inputs.dtype == jnp.bfloat16 and condition.dtype == jnp.int32
        return DiscriminatorOutput(inputs[:, 0], features=inputs), {}

    network = compute_in(Network(lambda key, inputs, condition=None: {"params": {}}, apply), "bfloat16")
    found, _ = network.apply({"params": {}}, jnp.array([[1.00390625, 3.0]]), condition=jnp.array([1], jnp.int32))
    assert isinstance(found, DiscriminatorOutput) and found.class_logits is None
    assert found.logits.dtype == found.features.dtype == jnp.float32
    np.testing.assert_array_equal(found.features, [[1.0, 3.0]])  # 1 + 2⁻⁸ is halfway, and rounds to even


def test_float32_is_the_network_itself_and_integers_are_refused():
    network, _ = NETWORKS["mlp"]
    assert compute_in(network, jnp.float32) is network
    with pytest.raises(ValueError, match="cannot compute in int32"):
        compute_in(network, jnp.int32)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("game", "wrap"),
    [(dropout_game, in_bfloat16), (batch_norm_game, in_bfloat16), (dropout_game, bfloat16_products)],
)
def test_a_step_stays_close_to_float32s_and_keeps_float32(game, wrap, units):
    parts = game()
    half = parts | {name: wrap(parts[name]) for name in ("generator", "discriminator")}
    batches = data(3)
    states = []
    for game_parts in (parts, half):
        step, state = jax.jit(make_train_step(**game_parts)), start(parts)
        for i in range(3):
            state, metrics = step(state, step_of(batches, i))
        states.append(state)
        assert all(value.dtype == jnp.float32 for value in metrics.values())
    floats = [leaf for leaf in jax.tree.leaves(states[1]) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    assert {leaf.dtype.name for leaf in floats} == {"float32"}
    pairs = list(zip(*(jax.tree.leaves(state.generator.params) for state in states), strict=True))
    for a, b in pairs:
        np.testing.assert_allclose(a, b, atol=0.1)
    assert any(bool((a != b).any()) for a, b in pairs)
