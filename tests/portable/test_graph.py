"""ONNX operators of a generator, in onnxruntime beside JAX."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
import pytest
from flax import linen

from jaxgan.latents import LATENTS
from jaxgan.networks import from_linen
from jaxgan.networks.convolution import convolve, convolve_transposed
from jaxgan.portable.generator import NotPortable, portable
from jaxgan.portable.graph import CONVERTERS, to_graph
from jaxgan.portable.onnx_file import to_onnx
from jaxgan.types import Network
from jaxgan.wrappers.precision import bfloat16_products
from tests.portable.generators import ALL, FAST, dcgan, inputs_of, made, mlp


def run(content, *inputs):
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs, strict=True)))[0]


def of(function, dim=4):
    """A generator without parameters."""
    network = Network(lambda key, inputs, condition=None: {"params": {}}, lambda v, z, **_: (function(z), {}))
    return portable(network, {"params": {}}, LATENTS["normal"](dim))


@pytest.mark.medium
@pytest.mark.parametrize("name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in ALL])
def test_onnxruntime_gives_the_generators_samples(name):
    generator = ALL[name]()
    content = to_onnx(generator)
    for count in (3, 1):  # one file for every batch
        given = inputs_of(generator, count)
        wanted = jax.jit(generator.function)(*given)
        samples = run(content, *given)
        assert samples.shape == (count, *generator.output.shape)
        np.testing.assert_allclose(samples, wanted, atol=1e-5)


@pytest.mark.medium
def test_the_inputs_are_what_the_generator_reads():
    names = {name: [array.name for array in ALL[name]().inputs] for name in ("mlp of labels", "inpainting", "bigan")}
    # A BiGAN's generator reads data in training only.
    wanted = {"mlp of labels": ["condition"], "inpainting": ["values", "mask"], "bigan": []}
    assert names == {name: ["latents", *others] for name, others in wanted.items()}


def test_a_model_describes_itself():
    model = onnx.load_from_string(to_onnx(ALL["mlp of labels"]()))
    assert (model.opset_import[0].version, model.ir_version) == (18, 9)
    described = json.loads(next(entry.value for entry in model.metadata_props if entry.key == "jaxgan"))
    assert described["inputs"][1] == {"name": "condition", "shape": ["batch"], "dtype": "int32", "classes": 3}
    assert described["output"] == {
        "name": "samples", "shape": ["batch", 8, 8, 3], "dtype": "float32", "low": -1.0, "high": 1.0,
    }  # fmt: skip
    assert described["latents"] == [{"distribution": "normal", "size": 6}]


@pytest.mark.medium
def test_convolutions_are_xlas_own():
    assert {"ConvTranspose", "Conv"} & to_graph(ALL["dcgan of labels"]()).operators == {"ConvTranspose"}
    assert "Conv" in to_graph(made(dcgan(upsampling="nearest"))).operators


PRIMITIVES = {
    "abs": lambda x: jnp.abs(x - 0.5),
    "acos": jnp.arccos,
    "acosh": lambda x: jax.lax.acosh(1 + x),
    "add": lambda x: x + 1,
    "and": lambda x: ((x > 0.2) & (x < 0.7)) * 1.0,
    "argmax": lambda x: x.argmax(1).astype(jnp.float32),
    "argmin": lambda x: x.argmin(1).astype(jnp.float32),
    "asin": jnp.arcsin,
    "asinh": jax.lax.asinh,
    "atan": jnp.arctan,
    "atanh": jax.lax.atanh,
    "broadcast_in_dim": lambda x: jnp.broadcast_to(x[:, :, None], (*x.shape, 3)),
    "ceil": lambda x: jnp.ceil(4 * x),
    "clamp": lambda x: jax.lax.clamp(jnp.float32(0.3), x, jnp.float32(0.6)),
    "concatenate": lambda x: jnp.concatenate([x, 2 * x], 1),
    "conv_general_dilated": lambda x: convolve(x.reshape(-1, 2, 2, 1), KERNEL, padding=1),
    "convert_element_type": lambda x: (8 * x).astype(jnp.int32).astype(jnp.float32),
    "copy": lambda x: jnp.array(x, copy=True) + 0,
    "cos": jnp.cos,
    "cosh": jnp.cosh,
    "cumsum": lambda x: jax.lax.cumsum(x, 1, reverse=True),
    "div": lambda x: 1 / x,
    "dot_general": lambda x: jnp.einsum("bij,bkj->bik", x.reshape(-1, 2, 2), x.reshape(-1, 2, 2)),
    "dynamic_slice": lambda x: jax.lax.dynamic_slice_in_dim(x, 3, 2, 1),
    "eq": lambda x: (x == x.max(1, keepdims=True)) * 1.0,
    "erf": jax.lax.erf,
    "erfc": jax.lax.erfc,
    "exp": jnp.exp,
    "exp2": jnp.exp2,
    "expm1": jnp.expm1,
    "floor": lambda x: jnp.floor(4 * x),
    "gather": lambda x: jnp.take(TABLE, (3 * x).astype(jnp.int32), axis=0),
    "ge": lambda x: (x >= 0.5) * 1.0,
    "gt": lambda x: (x > 0.5) * 1.0,
    "integer_pow": lambda x: x**-3,
    "le": lambda x: (x <= 0.5) * 1.0,
    "log": jnp.log,
    "log1p": jnp.log1p,
    "logistic": jax.nn.sigmoid,
    "lt": lambda x: (x < 0.5) * 1.0,
    "max": lambda x: jnp.maximum(x, 0.5),
    "min": lambda x: jnp.minimum(x, 0.5),
    "mul": lambda x: x * 3,
    "ne": lambda x: (x != x.max(1, keepdims=True)) * 1.0,
    "neg": lambda x: -x,
    "not": lambda x: ~(x > 0.5) * 1.0,
    "optimization_barrier": lambda x: sum(jax.lax.optimization_barrier((x, 2 * x))),
    "or": lambda x: ((x < 0.2) | (x > 0.7)) * 1.0,
    "pad": lambda x: jnp.pad(x, ((0, 0), (1, 2)), constant_values=3.0),
    "pow": lambda x: x**x,
    "reduce_max": lambda x: x.max(1),
    "reduce_min": lambda x: x.min(1),
    "reduce_prod": lambda x: x.prod(1),
    "reduce_sum": lambda x: x.sum(1),
    "rem": lambda x: jax.lax.rem(5 * x, jnp.float32(2)),
    "reshape": lambda x: x.reshape(-1, 2, 2),
    "rev": lambda x: x[:, ::-1],
    "round": lambda x: jnp.round(4 * x),
    "rsqrt": jax.lax.rsqrt,
    "select_n": lambda x: jnp.where(x > 0.5, x, -x),
    "sign": lambda x: jnp.sign(x - 0.5),
    "sin": jnp.sin,
    "sinh": jnp.sinh,
    "slice": lambda x: x[:, 1::2],
    "split": lambda x: jnp.concatenate(jnp.split(x, 2, axis=1)[::-1], 1),
    "sqrt": jnp.sqrt,
    "square": jnp.square,
    "stack": lambda x: jnp.stack([x, 2 * x], 1),
    "squeeze": lambda x: jax.lax.squeeze(x[:, :, None], (2,)),
    "sub": lambda x: 1 - x,
    "tan": jnp.tan,
    "tanh": jnp.tanh,
    "tile": lambda x: jnp.tile(x, (1, 2)),
    "transpose": lambda x: x.reshape(-1, 2, 2).transpose(0, 2, 1),
    "unstack": lambda x: sum(jnp.unstack(x, axis=1)),
}
"""A function with each primitive."""
NO_CASE = {
    "add_any": "only gradients have it",
    "copy_p": "a name of other versions",
    "iota": "only an error: those of fixed length become constants",
    "stop_gradient": "a name of other versions",
}
KERNEL, TABLE = (np.random.default_rng(0).normal(size=size).astype(np.float32) for size in ((3, 3, 1, 2), (3, 5)))


def together(functions):
    """A generator with the outputs of functions of [n, 4] side by side, as images [n, 1], and where each of them is."""
    shapes = [jax.eval_shape(function, jnp.zeros((3, 4))).size // 3 for function in functions.values()]
    ends = np.cumsum(shapes)
    places = {name: slice(end - size, end) for name, size, end in zip(functions, shapes, ends, strict=True)}

    def function(x):
        parts = [each(x).reshape(x.shape[0], -1) for each in functions.values()]
        return jnp.concatenate(parts, 1)[:, :, None]

    return of(function), places


@pytest.mark.medium
def test_every_converter_gives_what_jax_gives():
    assert PRIMITIVES.keys() | NO_CASE.keys() == CONVERTERS.keys()
    x = np.random.default_rng(0).uniform(0.1, 0.9, (3, 4)).astype(np.float32)
    generator, places = together(PRIMITIVES)
    wanted, found = np.asarray(jax.jit(generator.function)(x)), run(to_onnx(generator), x)
    for name, place in places.items():
        np.testing.assert_allclose(found[:, place], wanted[:, place], rtol=2e-6, atol=2e-6, err_msg=name)


def test_scans_are_unrolled():
    weights = np.random.default_rng(0).normal(size=(3, 4, 4)).astype(np.float32)

    def scans(x):
        def layer(hidden, weight):
            inner = jax.lax.fori_loop(0, 2, lambda i, y: 0.5 * (y + i), hidden @ weight)
            return inner, inner[:, :2]

        last, rows = jax.lax.scan(layer, x, weights, reverse=True)
        return jnp.concatenate([last, rows[0], 2 * rows[2]], 1)[:, :, None]

    x = np.random.default_rng(1).uniform(0.1, 0.9, (5, 4)).astype(np.float32)
    np.testing.assert_allclose(run(to_onnx(of(scans)), x), jax.jit(scans)(x), rtol=1e-5, atol=1e-6)


def test_slices_and_broadcasts_along_a_batch_of_any_size():
    def function(x):
        constant = jnp.broadcast_to(jnp.arange(4.0), x.shape)  # as long as the batch
        parts = [x[:, :2], x[:, 3], x[:, 1:2], x[:, -1:], x[:, None, 1::2], jnp.ones((x.shape[0], 1))]
        rows = jnp.concatenate([part.reshape(x.shape[0], -1) for part in parts], 1)
        return jnp.concatenate([jnp.zeros((2, 8)), rows, constant[:, :1].repeat(8, 1)])[2:-1]

    content = to_onnx(of(function))
    for count in (1, 3):
        x = np.arange(4 * count, dtype=np.float32).reshape(count, 4)
        ones = np.ones((count, 1), np.float32)
        rows = np.concatenate([x[:, :2], x[:, 3:], x[:, 1:2], x[:, -1:], x[:, 1::2], ones], 1)
        wanted = np.concatenate([rows, np.zeros((count, 8), np.float32)])[:-1]
        np.testing.assert_array_equal(run(content, x), wanted)


@pytest.mark.medium
@pytest.mark.parametrize(("stride", "size", "padding"), [(2, 4, 1), (2, 3, 0), (3, 2, 0), (2, 5, 2)])
def test_transposed_convolutions_of_every_padding(stride, size, padding):
    kernel = np.random.default_rng(1).normal(size=(size, size, 2, 3)).astype(np.float32)

    def function(x):
        return convolve_transposed(x.reshape(-1, 3, 3, 2), kernel, stride=stride, padding=padding)

    x = np.random.default_rng(2).normal(size=(2, 18)).astype(np.float32)
    np.testing.assert_allclose(run(to_onnx(of(function, 18)), x), function(x), atol=1e-5)


def test_a_kernel_that_depends_on_the_latents():
    def function(x):
        return convolve_transposed(jnp.ones((1, 3, 3, 2)), x[:1].reshape(2, 2, 2, 1), stride=2)

    x = np.random.default_rng(2).normal(size=(1, 8)).astype(np.float32)
    np.testing.assert_allclose(run(to_onnx(of(function, 8)), x), function(x), atol=1e-5)


@pytest.mark.medium
def test_layers_of_flax():
    class Generator(linen.Module):
        @linen.compact
        def __call__(self, inputs, *, condition=None, train=False):
            features = linen.Embed(3, 5)(condition)
            hidden = linen.Dense(4 * 4 * 2)(jnp.concatenate([inputs, features], 1)).reshape(-1, 4, 4, 2)
            hidden = linen.ConvTranspose(3, (3, 3), strides=(2, 2))(linen.swish(hidden))
            hidden = linen.RMSNorm()(linen.Conv(4, (3, 3), feature_group_count=1)(hidden))
            return jax.nn.softmax(linen.Conv(1, (3, 3), padding="VALID")(hidden), axis=(1, 2))

    generator = made(from_linen(Generator()), condition=np.arange(3, dtype=np.int32), classes=3)
    given = inputs_of(generator, 3)
    wanted = jax.jit(generator.function)(*given)
    np.testing.assert_allclose(run(to_onnx(generator), *given), wanted, atol=1e-5)


def test_a_primitive_without_a_converter_is_named():
    def loops(x):
        return jax.lax.while_loop(lambda y: y.sum() < 3, lambda y: 2 * y, x)

    with pytest.raises(NotPortable, match=r"\(generator\) to ONNX operators; the primitive while has no converter"):
        to_graph(of(loops))
    for halves in (of(lambda x: x.astype(jnp.bfloat16).astype(jnp.float32)), made(bfloat16_products(mlp()))):
        with pytest.raises(NotPortable, match="it computes in bfloat16"):
            to_graph(halves)
    with pytest.raises(NotPortable, match="sort has no converter"):
        to_graph(of(lambda x: jnp.sort(x, axis=1)))


@pytest.mark.medium
def test_a_generator_that_needs_the_size_of_its_batch_says_so():
    with pytest.raises(NotPortable, match=r"cannot export the generator \(generator\).*x.shape\[0\] for len"):
        of(lambda x: x.reshape(len(x), 4))
