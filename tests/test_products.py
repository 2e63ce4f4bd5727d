"""Matrix products of bfloat16 with float32 sums: what is rounded, in every derivative, on a CPU and beyond."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

from jaxgan import products
from jaxgan.networks.convolution import convolve, convolve_transposed
from jaxgan.products import ALGORITHM, product
from tests.selected import slow_but

rounded = jax.default_matmul_precision(ALGORITHM)


@pytest.fixture(autouse=True)
def units(monkeypatch):
    """Processors with units for bfloat16 or without give the same here, since nothing asks them."""
    monkeypatch.setattr(products, "cpu_gains", lambda: True)
    jax.clear_caches()


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def halved(values):
    return np.asarray(values, jnp.bfloat16).astype(np.float64)


def test_operands_are_rounded_and_sums_are_not():
    rows, kernel, cotangents = draw(2, 3, 300), draw(300, 5, seed=1), draw(2, 3, 5, seed=2)

    @jax.jit
    def run(rows, kernel, cotangents):
        with rounded:
            outputs, back = jax.vjp(product, rows, kernel)
            return outputs, *back(cotangents)

    outputs, of_rows, of_kernel = run(rows, kernel, cotangents)
    np.testing.assert_allclose(outputs, halved(rows) @ halved(kernel), rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(of_rows, halved(cotangents) @ halved(kernel).T, rtol=2e-5, atol=2e-5)
    exact = np.einsum("abi,abj->ij", rows.astype(np.float64), cotangents)
    np.testing.assert_allclose(of_kernel, exact, rtol=2e-5, atol=2e-5)  # a kernel's gradient is not rounded on a CPU
    assert np.abs(outputs - rows @ kernel).max() > 1e-2
    assert {leaf.dtype.name for leaf in (outputs, of_rows, of_kernel)} == {"float32"}


def test_without_the_setting_or_the_units_and_in_other_types_it_is_the_plain_product(monkeypatch):
    rows, kernel = draw(4, 30), draw(30, 5, seed=1)
    plain = jax.jit(jnp.matmul)(rows, kernel)
    np.testing.assert_array_equal(jax.jit(product)(rows, kernel), plain)
    with rounded:
        half = jax.jit(product)(*(jnp.asarray(x, jnp.bfloat16) for x in (rows, kernel)))
    assert half.dtype == jnp.bfloat16
    monkeypatch.setattr(products, "cpu_gains", lambda: False)
    jax.clear_caches()
    with rounded:
        np.testing.assert_array_equal(jax.jit(product)(rows, kernel), plain)


LAYERS = {
    "dense": (product, (6, 40), (40, 30)),
    "4 x 4, stride 2": (functools.partial(convolve, stride=2, padding=1), (2, 8, 8, 5), (4, 4, 5, 6)),
    "3 x 3, wide": (functools.partial(convolve, padding=1), (2, 5, 5, 3), (3, 3, 3, 128)),
    "1 x 1": (convolve, (2, 5, 5, 8), (1, 1, 8, 6)),
    "transposed": (functools.partial(convolve_transposed, stride=2, padding=1), (2, 4, 4, 5), (4, 4, 5, 6)),
    "transposed, few": (functools.partial(convolve_transposed, stride=2, padding=1), (2, 4, 4, 30), (4, 4, 30, 1)),
}


@pytest.mark.medium
@pytest.mark.parametrize("name", slow_but(["dense", "3 x 3, wide"], LAYERS))
def test_derivatives_of_second_order_are_near_those_of_float32(name):
    layer, shape, kernel_shape = LAYERS[name]
    inputs, kernel = draw(*shape), draw(*kernel_shape, seed=1) / np.sqrt(np.prod(kernel_shape[:-1])).astype(np.float32)

    def penalty(kernel, inputs):
        gradient = jax.grad(lambda inputs: jnp.tanh(layer(inputs, kernel)).sum())(inputs)
        return jnp.square(gradient).sum(), layer(inputs, kernel)

    @jax.jit
    def run(kernels, inputs):
        found = []
        for setting in (jax.default_matmul_precision("float32"), rounded):
            with setting:
                of_several = functools.partial(jax.vmap(jax.grad(penalty, (0, 1), has_aux=True), (0, None)), kernels)
                found.append(jax.lax.map(of_several, inputs[None]))
        return found

    full, half = (jax.tree.leaves(found) for found in run(np.stack([kernel, kernel / 2]), inputs))
    for a, b in zip(full, half, strict=True):
        assert 0 < np.abs(a - b).max() < 0.03 * np.abs(a).max()  # 8 bits: 2⁻⁹ for a rounding, several in a row


@pytest.mark.medium
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_an_accelerators_program_has_products_of_bfloat16_alone_and_native_convolutions(name, platform):
    layer, shape, kernel_shape = LAYERS[name]

    def loss(kernel, inputs):
        return jnp.square(layer(inputs, kernel)).sum()

    def lowered(setting):
        with setting:
            step = jax.jit(jax.grad(loss, (0, 1)))
            traced = step.trace(*(jax.ShapeDtypeStruct(s, jnp.float32) for s in (kernel_shape, shape)))
            return traced.lower(lowering_platforms=(platform,)).as_text()

    kind = "stablehlo.dot_general" if name == "dense" else "stablehlo.convolution"
    for setting, operands in ((rounded, "bf16>"), (jax.default_matmul_precision("float32"), "f32>")):
        lines = [line for line in lowered(setting).splitlines() if "stablehlo.dot" in line or ".convolution(" in line]
        assert len(lines) == 3 and all(kind in line for line in lines)
        taken = [line.rpartition(" : (")[2].partition(") ->")[0] for line in lines]
        assert all(part.endswith(operands) for types in taken for part in types.split(", "))


@pytest.mark.medium
@pytest.mark.parametrize("setting", ["float32", ALGORITHM])
@pytest.mark.parametrize("name", ["dense", "4 x 4, stride 2", "transposed"])
def test_a_kernel_that_devices_share_has_its_derivatives_under_shard_map(name, setting):
    layer, shape, kernel_shape = LAYERS[name]
    inputs, kernel = draw(4 * shape[0], *shape[1:]), draw(*kernel_shape, seed=1)

    def gradients(inputs, kernel, total):
        def loss(inputs, kernel):
            return total(jnp.square(jnp.tanh(layer(inputs, kernel))).sum())

        with jax.default_matmul_precision(setting):
            return jax.grad(loss, (0, 1))(inputs, kernel)

    devices, whole, split = Mesh(jax.devices(), ("batch",)), PartitionSpec(), PartitionSpec("batch")
    summed = functools.partial(gradients, total=lambda part: jax.lax.psum(part, "batch"))
    mapped = jax.shard_map(summed, mesh=devices, in_specs=(split, whole), out_specs=(split, whole))
    alone = jax.jit(functools.partial(gradients, total=lambda part: part))
    for a, b in zip(jax.jit(mapped)(inputs, kernel), alone(inputs, kernel), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * np.abs(b).max())
