"""The transformers of GAT: their sizes, every layer against numpy, places, and the pictures of several levels."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.networks import vit
from jaxgan.networks.vit import VIT_SIZES, from_patches, positions, rotated, rotations, to_patches
from jaxgan.types import DiscriminatorInputs, Network
from jaxgan.wrappers.precision import compute_in
from tests.networks.variables import filled

KEY = jax.random.key(0)
LATENTS = np.random.default_rng(0).standard_normal((3, 5), np.float32)
IMAGES = np.random.default_rng(1).standard_normal((3, 4, 8, 2), np.float32)
SMALL = {"width": 16, "depth": 4, "heads": 2, "patch": 4, "embedding": 6}
CLASSES = 1000


def _size(network: Network, shape: tuple[int, ...], condition=None) -> int:
    inputs = jax.ShapeDtypeStruct((2, *shape), jnp.float32)
    shapes = jax.eval_shape(lambda key, x, c: network.init(key, x, condition=c), KEY, inputs, condition)
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))


@pytest.mark.parametrize(
    ("size", "of_generator", "of_discriminator"),
    [
        ("S", 29_256_512, 32_556_160),
        ("B", 116_545_088, 97_135_360),
        ("L", 408_469_024, 314_904_544),
        ("XL", 601_936_640, 459_252_544),
    ],
)
def test_the_sizes_have_as_many_parameters_as_their_sources(size, of_generator, of_discriminator):
    # By the layers of hse1032/GAT, without its generator's embedding of an image, which it multiplies by 0, and without
    # the discriminator's projector of DINOv2 features. 64 latents, 1,000 classes, images 32 × 32 × 4, patches 2 × 2.
    d, depth, heads = (VIT_SIZES[size][name] for name in ("width", "depth", "heads"))
    hidden, patch = int(2 / 3 * 4 * d), 2 * 2 * 4

    def linear(inputs, outputs):
        return inputs * outputs + outputs

    block = linear(d, 3 * d) + linear(d, d) + linear(d, 2 * hidden) + linear(hidden, d) + 2 * (d // heads)
    generator = depth * (block + linear(d, 4 * d)) + 4 * (linear(d, d) + linear(d, patch))
    generator += CLASSES * 64 + linear(2 * 64, d) + linear(d, d)
    discriminator = linear(4 * patch, d) + d + depth * (block + 4 * d) + d
    discriminator += linear(d, 2048) + CLASSES * 2048 + 2 * linear(2048, 2048)
    assert (generator, discriminator) == (of_generator, of_discriminator)
    options, labels = VIT_SIZES[size] | {"classes": CLASSES}, jnp.zeros(2, jnp.int32)
    assert _size(vit(output_shape=(32, 32, 4), levels=4, **options), (64,), labels) == generator
    assert _size(vit(**options), (32, 32, 16), labels) == discriminator


def test_patches_are_the_squares_of_an_image_row_by_row():
    image = np.arange(4 * 6 * 2, dtype=np.float32).reshape(1, 4, 6, 2)
    patches = to_patches(image, 2)
    assert patches.shape == (1, 6, 8)
    np.testing.assert_array_equal(patches[0, 1], image[0, :2, 2:4].reshape(-1))
    np.testing.assert_array_equal(patches[0, 3], image[0, 2:, :2].reshape(-1))
    np.testing.assert_array_equal(from_patches(patches, (4, 6, 2), 2), image)


def test_positions_are_sines_and_cosines_of_column_and_row():
    # Width 8: two frequencies for each axis, 1 and 1/√10,000 = .01. Of the token in row 1, column 2 of a 2 × 3 grid:
    expected = [np.sin(2), np.sin(0.02), np.cos(2), np.cos(0.02), np.sin(1), np.sin(0.01), np.cos(1), np.cos(0.01)]
    np.testing.assert_allclose(positions((2, 3), 8)[5], expected, rtol=1e-12)
    # Heads of 8 dimensions: four pairs, two turned by the row, two by the column, at the same frequencies.
    np.testing.assert_allclose(rotations((2, 3), 8)[5], [1, 0.01, 2, 0.02], rtol=1e-12)


def test_products_of_rotated_vectors_depend_on_the_difference_of_places_only():
    rng = np.random.default_rng(0)
    q, k = (np.broadcast_to(rng.standard_normal((1, 1, 1, 8)), (1, 20, 1, 8)) for _ in range(2))
    angles = rotations((4, 5), 8)
    with jax.enable_x64(True):
        q, k = (rotated(jnp.asarray(part), jnp.asarray(angles))[0, :, 0] for part in (q, k))
        products = np.asarray(q @ k.T).reshape(4, 5, 4, 5)
    moved = products[1:, 2:, 1:, 2:]  # a row down and two columns to the right
    np.testing.assert_allclose(moved, products[:3, :3, :3, :3], rtol=1e-9)
    assert abs(products[0, 0, 0, 1] - products[0, 0, 1, 0]) > 1e-3  # rows are not columns
    # A turn keeps the length, and by 0 everything; a quarter turn takes (x, y) to (−y, x).
    np.testing.assert_allclose(np.square(q).sum(1), np.square(q[:1]).sum(1).repeat(20), rtol=1e-9)
    turned = rotated(jnp.array([3.0, 4.0]).reshape(1, 1, 1, 2), jnp.array([[np.pi / 2]]))
    np.testing.assert_allclose(turned.reshape(-1), [-4, 3], rtol=1e-6)


def _norm(x):
    return x / np.sqrt(np.square(x).mean(-1, keepdims=True) + 1e-6)


def _silu(x):
    return x / (1 + np.exp(-x))


def _dense(layer, x):
    return x @ layer["kernel"] + layer["bias"]


def _block(layers, x, angles, scales, gates):
    """A block by its formula, of one example x [tokens, width]; `layers` begin with q, k and v's."""
    qkv, last, first, second = layers[:4]
    heads = _dense(qkv, x_of(x, scales[0])).reshape(len(x), 2, 3, -1)
    outputs = np.zeros((len(x), 2, heads.shape[-1]))
    for head in range(2):
        q, k, v = heads[:, head].transpose(1, 0, 2)
        q, k = (_turned(_norm(part) * scale, angles) for part, scale in ((q, layers[4]), (k, layers[5])))
        weights = np.exp(q @ k.T / np.sqrt(q.shape[1]))
        outputs[:, head] = weights / weights.sum(1, keepdims=True) @ v
    x = x + gates[0] * _dense(last, outputs.reshape(len(x), -1))
    a, b = np.split(_dense(first, x_of(x, scales[1])), 2, axis=1)
    return x + gates[1] * _dense(second, _silu(a) * b)


def x_of(x, scale):
    """The inputs of a branch."""
    return _norm(x) * scale


def _turned(x, angles):
    pairs = np.split(x, 2, axis=1)
    turned = (pairs[0] + 1j * pairs[1]) * np.exp(1j * angles)
    return np.concatenate([turned.real, turned.imag], axis=1)


def _params(variables):
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), dict(variables["params"]))


def _slow(params, x):
    first, second = (params[f"Slow_{i}"]["Dense_0"] for i in range(2))
    return 0.01 * _dense(second, _silu(0.01 * _dense(first, x)))


@pytest.mark.parametrize("labels", [None, np.array([0, 2, 1])])
def test_a_discriminator_is_what_its_formula_says(labels):
    network = vit(width=8, depth=2, heads=2, patch=4, embedding=3, classes=3)
    variables = filled(network, IMAGES, labels)
    params = _params(variables)
    blocks, angles = params["blocks"], np.concatenate([np.zeros((1, 2)), rotations((1, 2), 4)])
    expected = []
    for i, image in enumerate(IMAGES):
        patches = np.stack([image[:, :4].reshape(-1), image[:, 4:].reshape(-1)])
        x = _dense(params["Dense_0"], patches) + positions((1, 2), 8)
        x = np.concatenate([params["class_token"][None], x])
        for j in range(2):
            own = jax.tree.map(lambda leaf, j=j: leaf[j], blocks)
            layers = [own[f"Dense_{k}"] for k in range(4)] + [own["query_scale"], own["key_scale"]]
            scales, gates = ([own[f"{name}_scale_{k}"] for k in (1, 2)] for name in ("norm", "branch"))
            x = _block(layers, x, angles, scales, gates)
        summary = _norm(x[0]) * params["norm_scale"]
        if labels is None:
            expected.append(_dense(params["Dense_1"], summary)[0])
        else:  # the embedding of the label, then that of the image
            embedded = _slow(params, params["Dense_1"]["kernel"][labels[i]])
            expected.append((_dense(params["Dense_2"], summary) * embedded).sum())
    found = jax.jit(network.apply)(variables, IMAGES, condition=labels)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("labels", [None, np.array([0, 2, 1])])
def test_a_generator_is_what_its_formula_says(labels):
    network = vit(output_shape=(4, 8, 1), width=8, depth=4, heads=2, patch=4, levels=2, classes=3)
    variables = filled(network, LATENTS, labels)
    params = _params(variables)
    angles, pyramids = rotations((1, 2), 4), []
    for i, z in enumerate(LATENTS):
        vector = z / np.sqrt(np.square(z).mean() + 1e-8)
        if labels is not None:
            row = params["Dense_0"]["kernel"][labels[i]]
            vector = np.concatenate([row / np.sqrt(np.square(row).mean() + 1e-8), vector])
        style, x, drawn = _silu(_slow(params, vector)), positions((1, 2), 8), 0.0
        for part in range(2):
            of_part = jax.tree.map(lambda leaf, part=part: leaf[part], params["parts"])
            for j in range(2):
                own = jax.tree.map(lambda leaf, j=j: leaf[j], of_part["blocks"])
                s1, g1, s2, g2 = np.split(_dense(own["Dense_0"], style), 4)
                layers = [own[f"Dense_{k}"] for k in range(1, 5)] + [own["query_scale"], own["key_scale"]]
                x = _block(layers, x, angles, (1 + s1, 1 + s2), (g1, g2))
            drawn = drawn + _dense(of_part["Dense_1"], _norm(x) * (1 + _dense(of_part["Dense_0"], style)))
            pyramids.append(np.concatenate([patch.reshape(4, 4, 1) for patch in drawn], axis=1))

    @functools.partial(jax.jit, static_argnames="train")
    def draw(variables, train):
        return network.apply(variables, LATENTS, condition=labels, key=KEY, train=train)[0]

    found = draw(variables, train=True)
    assert isinstance(found, DiscriminatorInputs) and found.real is None and len(found.fake) == 2
    for level in range(2):
        np.testing.assert_allclose(found.fake[level], np.stack(pyramids[level::2]), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(draw(variables, train=False), np.stack(pyramids[1::2]), rtol=1e-3, atol=1e-5)


def test_each_level_is_the_sum_of_the_pictures_so_far():
    network = vit(output_shape=(8, 8, 3), **SMALL, levels=4, output="tanh")
    variables = filled(network, LATENTS)
    last = variables["params"]["parts"]["Dense_1"]
    last["kernel"] = np.zeros_like(last["kernel"])
    last["bias"] = 0.1 * np.ones_like(last["bias"]) * np.arange(1, 5, dtype=np.float32)[:, None]
    drawn = jax.jit(lambda v: network.apply(v, LATENTS, key=KEY, train=True)[0].fake)(variables)
    for picture, total in zip(drawn, (0.1, 0.3, 0.6, 1.0), strict=True):  # the output is that of the sum
        np.testing.assert_allclose(picture, np.full((3, 8, 8, 3), np.tanh(total)), rtol=1e-5)
    plain = vit(output_shape=(8, 8, 3), **SMALL)
    shapes = jax.eval_shape(lambda: plain.apply(filled(plain, LATENTS), LATENTS, key=KEY, train=True)[0])
    assert shapes.shape == (3, 8, 8, 3)  # of one level: the picture


@pytest.mark.slow
def test_it_starts_as_its_source():
    network, labels = vit(output_shape=(8, 8, 3), **SMALL, levels=4, classes=3), np.array([0, 1, 2])
    params = jax.jit(lambda key: network.init(key, LATENTS, condition=labels))(KEY)["params"]

    def largest(layer):
        assert not np.any(layer["bias"])
        return float(np.abs(layer["kernel"]).max())

    # Glorot's bound √(6/(inputs + outputs)): × .1 in modulations, × 100 in layers whose rate is a hundredth.
    blocks = params["parts"]["blocks"]
    assert 0.95 < largest(blocks["Dense_0"]) / (0.1 * np.sqrt(6 / (16 + 64))) <= 1
    assert 0.95 < largest(blocks["Dense_1"]) / np.sqrt(6 / (16 + 48)) <= 1
    assert 0.95 < largest(params["Slow_0"]["Dense_0"]) / (100 * np.sqrt(6 / (10 + 16))) <= 1
    assert len(np.unique(blocks["Dense_1"]["kernel"][:, 0, 0, 0])) == 4  # every block has draws of its own
    judge = vit(**SMALL)
    params = jax.jit(judge.init)(KEY, np.zeros((2, 8, 8, 3), np.float32))["params"]
    assert params["class_token"].shape == (16,) and 0.01 < params["class_token"].std() < 0.03
    for name, value in (("norm_scale_1", 1), ("norm_scale_2", 1), ("branch_scale_1", 0.1), ("branch_scale_2", 0.1)):
        np.testing.assert_array_equal(params["blocks"][name], np.full((4, 16), value, np.float32))


@pytest.mark.parametrize("shape", [(8, 8, 3), ()])
def test_in_bfloat16_the_stream_the_norms_and_the_logits_are_float32(shape):
    network, inputs = vit(output_shape=shape, **SMALL), LATENTS if shape else np.ones((3, 8, 8, 3), np.float32)
    variables = filled(network, inputs)
    half = compute_in(network, jnp.bfloat16)
    outputs, rounded = jax.jit(lambda v: (network.apply(v, inputs)[0], half.apply(v, inputs)[0]))(variables)
    assert rounded.dtype == jnp.float32 and 0 < np.abs(rounded - outputs).max() < 0.05 * np.abs(outputs).max()
    carried = [
        {variable.aval.dtype.name for variable in equation.outvars if variable.aval.ndim == 3}
        for equation in jax.make_jaxpr(lambda v: half.apply(v, inputs)[0])(variables).eqns
        if equation.primitive.name == "scan"
    ]
    assert carried == [{"float32"}]
    if not shape:  # a logit of bfloat16 would be a multiple of 2⁻⁸ of its size
        bits = np.asarray(rounded).view(np.uint32) & 0xFFFF
        assert bits.any()


@pytest.mark.slow
@pytest.mark.parametrize("size", VIT_SIZES)
def test_every_size_lowers_for_accelerators(size):
    options = VIT_SIZES[size] | {"classes": CLASSES, "remat": True}
    generator = compute_in(vit(output_shape=(32, 32, 4), levels=4, **options), jnp.bfloat16)
    discriminator = compute_in(vit(**options), jnp.bfloat16)
    latents, labels = jax.ShapeDtypeStruct((2, 64), jnp.float32), jax.ShapeDtypeStruct((2,), jnp.int32)
    pictures = jax.ShapeDtypeStruct((2, 32, 32, 16), jnp.float32)
    variables = [
        jax.eval_shape(lambda key, x, c, n=network: n.init(key, x, condition=c), KEY, inputs, labels)
        for network, inputs in ((generator, latents), (discriminator, pictures))
    ]

    def total(variables, latents, labels):
        made = generator.apply(variables[0], latents, condition=labels, key=KEY, train=True)[0].fake
        return discriminator.apply(variables[1], jnp.concatenate(made, -1), condition=labels)[0].sum()

    traced = jax.jit(jax.grad(total)).trace(variables, latents, labels)
    for platform in ("cuda", "tpu"):
        text = traced.lower(lowering_platforms=(platform,)).as_text()
        assert "bf16" in text and "stablehlo.convolution" not in text
        assert 10 < text.count("stablehlo.dot_general") < 150  # blocks are compiled once, whatever the depth


def test_one_example_of_many_and_the_condition_as_floats():
    network = vit(**SMALL, classes=3)
    images, labels = np.random.default_rng(2).standard_normal((3, 8, 8, 3), np.float32), np.array([0, 2, 1])
    variables = filled(network, images, labels)

    @jax.jit
    def judge(images, labels):
        return network.apply(variables, images, condition=labels)[0]

    together = judge(images, labels)
    np.testing.assert_allclose(judge(images[1:2], labels[1:2]), together[1:2], rtol=1e-5)
    chex.assert_trees_all_close(judge(images, np.eye(3, dtype=np.float32)[labels]), together, rtol=1e-6)
    assert len(np.unique(judge(images[:1].repeat(3, 0), labels))) == 3
