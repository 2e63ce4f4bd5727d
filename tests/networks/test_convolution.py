"""Convolutions for a CPU: equal to XLA's own and to PyTorch's rules, and the two convolutional networks."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.networks import cifar10, dcgan
from jaxgan.networks.convolution import convolve, convolve_transposed, max_pool

KEY = jax.random.key(0)


def arrays(size, channels, features, kernel):
    draw = np.random.default_rng(0).standard_normal
    shapes = (2, size, size + 2, channels), (kernel, kernel, channels, features)
    return draw(shapes[0], np.float32), draw(shapes[1], np.float32) / np.float32(kernel)


def by_both_methods(function, *inputs):
    """Values and gradients by XLA's own convolutions and by those for a CPU, in one program."""

    def weighted(*inputs, method):
        value = function(*inputs, method=method)
        return (value * jnp.cos(jnp.arange(value.size, dtype=jnp.float32)).reshape(value.shape)).sum(), value

    @jax.jit
    def run(*inputs):
        grad = jax.grad(weighted, range(len(inputs)), has_aux=True)
        return [grad(*inputs, method=method) for method in ("native", "cpu")]

    return [(value, *gradients) for gradients, value in run(*inputs)]


# size, channels, features, kernel, stride, padding: of stride 1, also gradients with kernels larger than their images
OF_STRIDE_1 = [(6, 3, 4, 3, 1, 1), (7, 6, 5, 5, 1, 3), (5, 2, 3, 4, 1, 0), (4, 3, 2, 8, 1, 4), (6, 3, 4, 1, 1, 0)]
# dcgan's, the paper's, one whose last column is left out, more padding than kernel
CASES = [
    (8, 1, 5, 4, 2, 1),
    (6, 7, 4, 4, 2, 1),
    (9, 3, 4, 8, 1, 4),
    (7, 2, 3, 3, 2, 0),
    (5, 2, 3, 3, 1, 3),
    *OF_STRIDE_1,
]


@pytest.mark.medium
@pytest.mark.parametrize("case", CASES)
def test_convolutions_are_the_native_ones(case):
    size, channels, features, kernel, stride, padding = case
    function = functools.partial(convolve, stride=stride, padding=padding)
    native, ours = by_both_methods(function, *arrays(size, channels, features, kernel))
    for a, b in zip(native, ours, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5, rtol=1e-5)


def test_a_kernels_gradient_is_the_native_one_however_many_examples_are_taken_at_once(monkeypatch):
    images, kernel = arrays(6, 3, 4, 3)
    images = np.concatenate([images, 2 * images, 1 + images, images**2])[:7]
    function = functools.partial(convolve, padding=1)
    for size in (1, 3 * 4 * 6 * 8 * 4, 2**19):  # one example, three of which the last part is filled up, and all
        monkeypatch.setattr("jaxgan.networks.convolution.CACHED", size)
        native, ours = by_both_methods(function, images, kernel)
        for a, b in zip(native, ours, strict=True):
            np.testing.assert_allclose(a, b, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("method", ["cpu", "auto"])
@pytest.mark.parametrize("case", [CASES[1], *(pytest.param(case, marks=pytest.mark.slow) for case in CASES)])
def test_a_penalty_on_the_gradient_goes_through_convolutions(case, method, transposed):
    """Derivatives of second order, for several players at once and in a loop."""
    size, channels, features, kernel, stride, padding = case
    images, weights = arrays(size, channels, features, kernel)
    function = convolve_transposed if transposed else convolve
    padding = min(padding, (kernel - 1) // 2) if transposed else padding
    function, exact = functools.partial(function, stride=stride, padding=padding), case in OF_STRIDE_1
    compare_penalties(function, images, weights, method, **({"atol": 1e-5, "rtol": 1e-4} if exact else {}))


@pytest.mark.medium
@pytest.mark.parametrize("method", ["cpu", "auto"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_penalty_on_the_gradient_goes_through_grouped_convolutions(dtype, method):
    images, weights = (array.astype(dtype) for array in arrays(4, 6, 9, 3))
    function = functools.partial(convolve, padding=1, groups=3)
    compare_penalties(function, images, weights[:, :, :2], method, rtol=1e-5 if dtype == "float32" else 0.05)


def compare_penalties(function, images, weights, method, *, rtol=1e-5, atol=None):
    """Compares a gradient penalty's gradient by a method with the native one. Without `atol`: rtol of its largest."""

    def penalty(weights, images, method):
        def outputs(images):
            return jnp.tanh(function(images, weights, method=method)).sum()

        return jnp.square(jax.grad(outputs)(images)).sum()

    @jax.jit
    def run(images, weights):
        grad = jax.vmap(jax.grad(penalty, (0, 1)), (0, None, None))
        players = jnp.stack([weights, 2 * weights])

        def by(method):
            return jax.lax.map(lambda images: grad(players, images, method), images[:, None])

        return by("native"), by(method)

    for a, b in zip(*map(jax.tree.leaves, run(images, weights)), strict=True):
        a, b = (np.asarray(x, np.float32) for x in (a, b))
        np.testing.assert_allclose(a, b, atol=rtol * np.abs(b).max() if atol is None else atol, rtol=rtol)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("case", [*CASES, (6, 6, 12, 3, 2, 1, 3), (4, 6, 9, 3, 1, 1, 3)])
def test_an_accelerators_derivatives_are_xlas(case, transposed):
    """The parts that a GPU or TPU takes, run on this platform: derivatives of both orders."""
    size, channels, features, kernel, stride, padding, *groups = case
    images, weights = arrays(size, channels, features, kernel)
    padding = min(padding, (kernel - 1) // 2) if transposed else padding
    function = functools.partial(convolve_transposed if transposed else convolve, stride=stride, padding=padding)
    if groups and not transposed:
        weights, function = weights[:, :, : channels // groups[0]], functools.partial(function, groups=groups[0])

    def penalty(weights, images, method):
        value, back = jax.vjp(functools.partial(function, method=method), images, weights)
        return sum(jnp.sin(part).sum() for part in (value, *back(jnp.cos(value))))

    def elsewhere(*operands, cpu, default):
        return default(*operands)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax.lax, "platform_dependent", elsewhere)
        found = jax.jit(jax.grad(functools.partial(penalty, method="auto"), (0, 1)))(weights, images)
    expected = jax.jit(jax.grad(functools.partial(penalty, method="native"), (0, 1)))(weights, images)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5 * np.abs(b).max(), rtol=1e-5)


@pytest.mark.parametrize(("groups", "stride", "padding"), [(2, 1, 1), (3, 2, 0), (3, 1, 1)])
def test_grouped_convolutions_are_the_native_ones(groups, stride, padding):
    images, weights = arrays(6, 6, 12, 3)
    function = functools.partial(convolve, stride=stride, padding=padding, groups=groups)
    native, ours = by_both_methods(function, images, weights[:, :, : 6 // groups])
    for a, b in zip(native, ours, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5, rtol=1e-5)


def test_convolutions_keep_no_patches():
    # Patches of 3 x 3 would be nine times the images.
    images, kernel = jnp.zeros((8, 16, 16, 64)), jnp.zeros((3, 3, 4, 64))
    for groups in (16, 1):

        def loss(images, kernel, groups=groups):
            return jnp.square(convolve(images, kernel, padding=1, groups=groups, method="cpu")).sum()

        kernel = jnp.zeros((3, 3, 64 // groups, 64))
        memory = jax.jit(jax.grad(loss, argnums=(0, 1))).lower(images, kernel).compile().memory_analysis()
        assert memory.temp_size_in_bytes < 6 * images.nbytes


@pytest.mark.parametrize("case", [(4, 6, 5, 4, 2, 1), (4, 9, 1, 4, 2, 1), (5, 8, 3, 5, 3, 0), (3, 2, 4, 5, 3, 0)])
def test_transposed_convolutions_are_the_native_ones_and_the_transpose(case):
    size, channels, features, kernel, stride, padding = case
    images, weights = arrays(size, channels, features, kernel)
    function = functools.partial(convolve_transposed, stride=stride, padding=padding)
    native, ours = by_both_methods(function, images, weights)
    for a, b in zip(native, ours, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5, rtol=1e-5)
    expected = [(extent - 1) * stride + kernel - 2 * padding for extent in (size, size + 2)]
    assert ours[0].shape == (2, *expected, features)
    # <conv(y), x> = <y, conv_transposed(x)>, with the kernel's channels and features exchanged
    other = np.random.default_rng(1).standard_normal(ours[0].shape, np.float32)
    there = jax.jit(functools.partial(convolve, stride=stride, padding=padding))(other, weights.transpose(0, 1, 3, 2))
    np.testing.assert_allclose(np.vdot(there, images), np.vdot(other, ours[0]), rtol=1e-4)


@pytest.mark.medium
def test_convolution_by_hand():
    # rows (1 2), (3 4) under a kernel of (1 10), (100 1000), stride 1, no padding: 1 + 20 + 300 + 4000
    image, kernel = jnp.array([[1.0, 2], [3, 4]]), jnp.array([[1.0, 10], [100, 1000]])
    for method in ("native", "cpu", "auto"):
        found = convolve(image[None, :, :, None], kernel[:, :, None, None], method=method)
        assert found.tolist() == [[[[4321.0]]]]
        # one pixel of value 2 makes twice the kernel, not turned
        found = convolve_transposed(jnp.full((1, 1, 1, 1), 2.0), kernel[:, :, None, None], stride=2, method=method)
        assert found[0, :, :, 0].tolist() == [[2.0, 20.0], [200.0, 2000.0]]
    with pytest.raises(ValueError, match="unknown method 'fast'; one of auto"):
        convolve(image[None, :, :, None], kernel[:, :, None, None], method="fast")


@pytest.mark.parametrize(("size", "pool", "out"), [(33, 4, 16), (15, 4, 7), (9, 2, 5), (8, 2, 4)])
def test_the_last_window_of_a_maximum_may_overhang(size, pool, out):
    images = np.random.default_rng(0).standard_normal((2, size, size, 3), np.float32)
    found = jax.jit(max_pool, static_argnums=(1, 2))(images, pool, 2)
    assert found.shape == (2, out, out, 3)
    starts = range(0, 2 * out, 2)
    expected = [[images[:, i : i + pool, j : j + pool].max((1, 2)) for j in starts] for i in starts]
    np.testing.assert_array_equal(found, np.asarray(expected).transpose(2, 0, 1, 3))


def sizes(network, inputs):
    return jax.tree.map(jnp.shape, jax.eval_shape(network.init, KEY, inputs)["params"])


@pytest.mark.medium
def test_dcgan_has_the_layers_of_its_source_and_says_what_it_cannot_make():
    found = sizes(dcgan(output_shape=(28, 28, 1), widths=(128, 64)), jnp.zeros((2, 100)))
    assert found["Dense_0"] == {"kernel": (100, 7 * 7 * 128)}
    assert found["ConvTranspose_0"] == {"kernel": (4, 4, 128, 64)}
    assert found["ConvTranspose_1"] == {"kernel": (4, 4, 64, 1), "bias": (1,)}
    assert found["BatchNorm_1"] == {"scale": (64,), "bias": (64,)} and "BatchNorm_2" not in found
    found = sizes(dcgan(widths=(64, 128)), jnp.zeros((2, 28, 28, 1)))
    assert found["Conv_0"] == {"kernel": (4, 4, 1, 64), "bias": (64,)}
    assert found["Conv_1"] == {"kernel": (4, 4, 64, 128)} and found["BatchNorm_0"]["scale"] == (128,)
    assert found["Dense_0"]["kernel"] == (7 * 7 * 128, 1) and "BatchNorm_1" not in found
    for side in (32, 64):
        widths = (512, 256, 128, 64)[-(side // 16) :]
        network = dcgan(output_shape=(side, side, 3), widths=widths, output="tanh")
        out, _ = jax.eval_shape(network.apply, jax.eval_shape(network.init, KEY, jnp.zeros((2, 9))), jnp.zeros((2, 9)))
        assert out.shape == (2, side, side, 3)
    with pytest.raises(ValueError, match=r"with 3 widths makes images .* divide by 8, not \[28, 28, 1\]"):
        dcgan(output_shape=(28, 28, 1), widths=(64, 32, 16))
    with pytest.raises(ValueError, match="no normalization 'virtual' in a dcgan discriminator; one of batch, none"):
        dcgan(normalization="virtual")


def test_dcgan_starts_at_the_datas_means_and_without_normalisation_has_no_statistics():
    means = np.random.default_rng(0).uniform(0.1, 0.9, (8, 8, 2)).astype(np.float32)
    network = dcgan(output_shape=(8, 8, 2), widths=(4,), output="sigmoid", means=means, normalization="none")
    zeros = np.zeros((3, 5), np.float32)
    variables, outputs = jax.jit(lambda key: (v := network.init(key, zeros), network.apply(v, zeros)[0]))(KEY)
    assert set(variables) == {"params"}
    np.testing.assert_allclose(outputs, np.broadcast_to(means, (3, 8, 8, 2)), atol=1e-6)


@pytest.mark.medium
def test_batch_statistics_move_in_training_only():
    network = dcgan(widths=(4, 5))
    images = 3 + np.random.default_rng(0).standard_normal((6, 8, 8, 1), np.float32)

    @jax.jit
    def run(key):
        variables = network.init(key, images)
        return variables, *(network.apply(variables, images, train=train)[1] for train in (True, False))

    variables, trained, same = run(KEY)
    assert np.abs(trained["batch_stats"]["BatchNorm_0"]["mean"]).max() > 0
    chex.assert_trees_all_equal(same, {"batch_stats": variables["batch_stats"]})


def test_the_papers_cifar_10_pair_has_its_layers():
    found = sizes(cifar10(output_shape=(32, 32, 3)), jnp.zeros((2, 100)))
    assert found["Dense_0"]["kernel"] == (100, 8000) and found["Dense_1"]["kernel"] == (8000, 8000)
    assert found["ConvTranspose_0"] == {"kernel": (5, 5, 80, 3), "bias": (32, 32, 3)}
    found = sizes(cifar10(initial_scale=0.005), jnp.zeros((2, 32, 32, 3)))
    assert found["Conv_0"]["kernel"] == (8, 8, 3, 64) and found["Conv_1"]["kernel"] == (8, 8, 32, 64)
    assert found["Conv_2"]["kernel"] == (5, 5, 32, 384)
    assert found["Dense_0"]["kernel"] == (5 * 5 * 192, 5 * 500) and found["Dense_1"]["kernel"] == (500, 1)
    with pytest.raises(ValueError, match="not \\(28, 28, 1\\)"):
        cifar10(output_shape=(28, 28, 1))
    with pytest.raises(ValueError, match="one width"):
        cifar10(widths=(5, 5))


@pytest.mark.slow
def test_the_papers_dropout_is_on_every_layers_input_and_per_example():
    def training(images, key, **options):
        network = cifar10(widths=(6,), initial_scale=0.5, **options)
        return jax.jit(functools.partial(network.apply, train=True))(variables, images, key=key)[0]

    network = cifar10(widths=(6,), initial_scale=0.5)
    images = jax.random.normal(KEY, (3, 32, 32, 3))
    variables = jax.jit(network.init)(KEY, images)
    first, plain = training(images, KEY), jax.jit(network.apply)(variables, images)[0]
    assert not np.allclose(first, training(images, jax.random.key(1))) and not np.allclose(first, plain)
    np.testing.assert_allclose(training(images, KEY, keep_input=1.0, keep_hidden=1.0), plain, rtol=1e-5)
