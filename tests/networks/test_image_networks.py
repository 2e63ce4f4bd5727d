"""The residual networks block by block, every network at every size of image, and what the options are for."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from games import data, difference, start

from jaxgan.latents import LATENTS
from jaxgan.losses import LOSSES
from jaxgan.networks import NETWORKS, cifar10, dcgan, maxout, mlp, r3gan, resnet, vit
from jaxgan.networks.convolution import convolve, convolve_transposed
from jaxgan.networks.r3gan import doubled, halved
from jaxgan.parallel import distribute
from jaxgan.training.step import make_train_step
from jaxgan.types import Judgement, PerExample
from tests.networks.variables import filled
from tests.selected import slow_but

KEY = jax.random.key(0)
LABELS = jnp.array([0, 2, 1])
IMAGES = np.random.default_rng(0).standard_normal((3, 8, 8, 2), np.float32)


def _shapes(network, inputs, **options):
    variables = jax.eval_shape(lambda key: network.init(key, inputs, **options), KEY)
    return jax.tree.map(jnp.shape, dict(variables))


SIZES = {
    "dcgan": [(28, 2), (32, 3), (48, 4), (64, 4), (96, 5), (128, 5), (256, 6)],
    "resnet": [(28, 3), (32, 4), (48, 4), (64, 5), (96, 6), (128, 6), (256, 7)],
    "r3gan": [(4, 1), (8, 2), (16, 3), (32, 4), (64, 5), (128, 6), (256, 7)],
    "pix2pix": [(28, 2), (32, 3), (64, 4), (128, 5), (256, 6)],
    "stylegan2": [(4, 1), (8, 2), (32, 4), (256, 7)],
    "vit": [(4, 1), (8, 2), (28, 1), (32, 3), (64, 2), (256, 1)],
    "cifar10": [(32, 1)],
    "mlp": [(28, 2), (32, 1), (48, 0), (64, 1)],
    "maxout": [(28, 2), (32, 1), (48, 0), (64, 1)],
}


def _of_layers(name, layers):
    """The options of a small network of so many layers."""
    return {"width": 8, "depth": layers, "heads": 2, "patch": 4} if name == "vit" else {"widths": (4,) * layers}


@pytest.mark.medium
@pytest.mark.parametrize("channels", slow_but([3], [1, 3]))
@pytest.mark.parametrize("name", slow_but(["mlp", "maxout", "dcgan", "cifar10"], NETWORKS))
def test_every_network_at_every_size(name, channels):
    for side, layers in SIZES[name] if channels == 3 else SIZES[name][:1]:
        shape, options = (side, side, channels), _of_layers(name, layers)
        if name == "cifar10" and channels == 1:
            with pytest.raises(ValueError, match="32, 32, 3"):
                cifar10(output_shape=shape)
            continue
        pair = NETWORKS[name](output_shape=shape, **options), NETWORKS[name](output_shape=(), **options)

        def play(key, pair=pair, shape=shape):
            latents = jnp.zeros((2, 6))
            generated, _ = pair[0].apply(pair[0].init(key, latents), latents)
            assert generated.shape == (2, *shape)
            return pair[1].apply(pair[1].init(key, generated), generated)[0]

        shape = jax.eval_shape(play, KEY).shape
        assert shape[0] == 2 and len(shape) == (3 if name == "pix2pix" else 1)


def _divide_by(number):
    return lambda sides: not any(side % number for side in sides)


def _at_least(number):
    return lambda sides: min(sides) >= number


# The sides that a generator and a discriminator of so many layers are for.
FITS = {
    "mlp": lambda layers: (_at_least(1), _at_least(1)),
    "maxout": lambda layers: (_at_least(1), _at_least(1)),
    "dcgan": lambda layers: (_divide_by(2**layers), _at_least(2**layers)),
    "resnet": lambda layers: (_divide_by(2 ** (layers - 1)),) * 2,
    "r3gan": lambda layers: (lambda sides: sides == (2 ** (layers + 1),) * 2,) * 2,
    "stylegan2": lambda layers: (lambda sides: sides == (2 ** (layers + 1),) * 2,) * 2,
    "pix2pix": lambda layers: (_divide_by(2**layers), _at_least(3 * 2 ** (layers - 1))),
    "vit": lambda layers: (_divide_by(4),) * 2,
    "cifar10": lambda layers: (lambda sides: sides == (32, 32), _at_least(8)),
}
SIDES = [(side, side) for side in (1, 2, 3, 4, 6, 8, 16, 32)] + [(5, 8), (8, 7), (8, 12), (12, 9)]


@pytest.mark.medium
@pytest.mark.parametrize(
    ("name", "layers"),
    [
        pytest.param(name, layers, marks=[pytest.mark.slow] * (layers != 2 and name != "cifar10"))
        for name in NETWORKS
        for layers in ((1,) if name == "cifar10" else (1, 2, 3))
    ],
)
def test_every_size_is_made_and_judged_or_refused(name, layers):
    for sides in SIDES:
        shape, latents = (*sides, 3), jax.ShapeDtypeStruct((2, 6), jnp.float32)
        images = jax.ShapeDtypeStruct((2, *shape), jnp.float32)
        games = ((shape, latents, (2, *shape)), ((), images, (2,)))
        for fits, (output_shape, inputs, expected) in zip(FITS[name](layers), games, strict=True):

            def outputs(key, inputs, output_shape=output_shape):
                network = NETWORKS[name](output_shape=output_shape, **_of_layers(name, layers))
                return network.apply(network.init(key, inputs), inputs)[0]

            if fits(sides):
                found = jax.eval_shape(outputs, KEY, inputs).shape
                patches = (sides[0] >> layers - 1) - 2, (sides[1] >> layers - 1) - 2
                assert found == (expected if name != "pix2pix" or output_shape else (2, *patches)), sides
            else:
                with pytest.raises(ValueError, match=r"images (of|\[)"):
                    jax.eval_shape(outputs, KEY, inputs)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: resnet(output_shape=(28, 28, 1), widths=(4, 4, 4, 4)), r"sides divide by 8, not \[28, 28, 1\]"),
        (lambda: resnet(widths=(4,) * 4).init(KEY, jnp.zeros((2, 28, 28, 1))), r"sides divide by 8, not \[28, 28, 1\]"),
        (lambda: resnet(widths=()), "at least one width"),
        (lambda: resnet(normalization="virtual"), "no normalization 'virtual' in a resnet discriminator"),
        (lambda: resnet(minibatch="std"), "resnet's minibatch: 'std' is none of deviation, discrimination, none"),
        (lambda: resnet(widths=(4,)).init(KEY, IMAGES, condition=LABELS), "needs classes="),
        (lambda: r3gan(output_shape=(28, 28, 1), widths=(4, 4)), r"2 widths needs images \[8, 8, channels\], not \[28"),
        (lambda: r3gan(widths=(4,)).init(KEY, IMAGES), r"1 widths needs images \[4, 4, channels\], not \[8, 8, 2\]"),
        (lambda: r3gan(widths=()), "at least one width"),
        (lambda: vit(output_shape=(28, 30, 1), patch=4), r"vit needs images .* sides divide by 4, not \[28, 30, 1\]"),
        (lambda: vit(width=36, heads=3, patch=4).init(KEY, jnp.zeros((2, 6))), r"needs images .*, not \[6\]"),
        (lambda: vit(width=32, heads=3), "a multiple of 4 dimensions each: 3 heads do not suit width 32"),
        (lambda: vit(output_shape=(8, 8, 1), depth=6, levels=4), "4 levels after equal parts of its 6 blocks"),
        (lambda: mlp(output_shape=(), widths=(3,), normalization="instance"), "no normalization 'instance' in a mlp"),
        (
            lambda: mlp(output_shape=(), widths=(3,), layer_scales=(1.0,) * 3),
            "layer_scales names 3 scales for 2 layers",
        ),
    ],
)
def test_what_cannot_be_made_is_refused(build, said):
    with pytest.raises(ValueError, match=said):
        build()


@pytest.mark.slow
def test_a_generator_of_copied_pixels_is_what_its_name_says():
    network = dcgan(output_shape=(4, 4, 1), widths=(2,), normalization="none", upsampling="nearest")
    params = network.init(KEY, jnp.zeros((1, 8)))["params"]
    # A kernel that is 1 in its middle, from the first channel, and 0 elsewhere: each pixel is there four times.
    params["Conv_0"]["kernel"] = jnp.zeros((3, 3, 2, 1)).at[1, 1, 0, 0].set(1.0)
    latents = jax.random.normal(KEY, (3, 8))
    images, _ = network.apply({"params": params}, latents)
    small = jax.nn.relu(latents @ params["Dense_0"]["kernel"]).reshape(3, 2, 2, 2)[..., 0]
    np.testing.assert_allclose(images[..., 0], np.kron(small, np.ones((1, 2, 2))), rtol=1e-6)
    with pytest.raises(ValueError, match="upsampling"):
        dcgan(widths=(2,), upsampling="nearest")


@pytest.mark.medium
def test_resnet_has_the_layers_of_its_source():
    # arXiv:1802.05957, table 4: 4 × 4 × 256 and three blocks of 256; blocks of 128, of which two halve, a sum, a logit.
    found = _shapes(resnet(output_shape=(32, 32, 3)), jnp.zeros((2, 128)))["params"]
    assert found["Dense_0"]["kernel"] == (128, 4 * 4 * 256)
    kernels = [found[f"Conv_{i}"]["kernel"] for i in range(10)]
    assert kernels == [(3, 3, 256, 256), (3, 3, 256, 256), (1, 1, 256, 256)] * 3 + [(3, 3, 256, 3)]
    assert len([name for name in found if name.startswith("BatchNorm")]) == 7
    network = resnet(widths=(128,) * 4, halvings=2, normalization="spectral")
    found = _shapes(network, jnp.zeros((2, 32, 32, 3)))
    kernels = [found["params"][f"Conv_{i}"]["kernel"] for i in range(10)]
    assert kernels[:3] == [(3, 3, 3, 128), (3, 3, 128, 128), (1, 1, 3, 128)]
    assert kernels[5] == (1, 1, 128, 128) and kernels[6:] == [(3, 3, 128, 128)] * 4  # the last two add as they are
    assert found["params"]["Dense_0"] == {"kernel": (128, 1), "bias": (1,)}
    assert found["spectral"]["Dense_0"] == {"u": (1,)} and len(found["spectral"]) == 11


def test_a_residual_discriminator_is_what_its_formula_says():
    # Two blocks: conv, relu, conv, mean of 2 × 2, beside the mean and 1 × 1; relu, conv, relu, conv, beside the input.
    network = resnet(widths=(4, 4), normalization="none", classes=3)
    variables = filled(network, IMAGES, LABELS, bias=0.0)
    params = variables["params"]

    def conv(i, images):
        kernel = params[f"Conv_{i}"]["kernel"]
        return convolve(images, kernel, padding=kernel.shape[0] // 2)

    def pool(images):
        return images.reshape(3, 4, 2, 4, 2, -1).mean((2, 4))

    def judge():
        hidden = pool(conv(1, jax.nn.relu(conv(0, IMAGES)))) + conv(2, pool(IMAGES))
        hidden = hidden + conv(4, jax.nn.relu(conv(3, jax.nn.relu(hidden))))
        summed = jax.nn.relu(hidden).sum((1, 2))
        projection = (params["Dense_1"]["kernel"][LABELS] * summed).sum(-1)
        return (summed @ params["Dense_0"]["kernel"])[:, 0] + projection

    found, expected = jax.jit(lambda: (network.apply(variables, IMAGES, condition=LABELS)[0], judge()))()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.medium
@pytest.mark.parametrize(
    ("network", "inputs"),
    [
        (resnet(output_shape=(4, 4, 2), widths=(4, 4), classes=3), jnp.ones((3, 5))),
        (r3gan(widths=(4,), blocks=1, classes=3), IMAGES[:, :4, :4]),
        (vit(output_shape=(4, 4, 2), width=8, depth=2, heads=2, classes=3), jnp.ones((3, 5))),
        (vit(width=8, depth=2, heads=2, embedding=5, classes=3), IMAGES[:, :4, :4]),
    ],
)
def test_whole_numbers_and_one_hot_conditions_are_the_same(network, inputs):
    variables = filled(network, inputs, LABELS)

    @jax.jit
    def outputs(variables):
        return [network.apply(variables, inputs, condition=c)[0] for c in (LABELS, jax.nn.one_hot(LABELS, 3))]

    found, same = jax.device_get(outputs(variables))
    np.testing.assert_allclose(found, same, rtol=1e-6)
    assert len({float(row.sum()) for row in found}) == 3


@pytest.mark.medium
def test_r3gan_has_the_layers_and_the_start_of_its_source():
    # arXiv:2501.05441 for 32 pixels: 768 channels, inside a block 1536 in 96 groups; two blocks at each of four sides.
    found = _shapes(r3gan(output_shape=(32, 32, 3)), jnp.zeros((2, 64)))["params"]
    assert found["basis"] == (4, 4, 768) and found["Dense_0"] == {"kernel": (64, 768)}
    assert found["Block_7"]["Conv_0"] == {"kernel": (1, 1, 768, 1536), "bias": (1536,)}
    assert found["Block_7"]["Conv_1"] == {"kernel": (3, 3, 16, 1536), "bias": (1536,)}
    assert found["Block_7"]["Conv_2"] == {"kernel": (1, 1, 1536, 768)} and "Block_8" not in found
    assert found["Conv_0"] == {"kernel": (1, 1, 768, 3)} and "Conv_1" not in found
    # A condition of 10 classes: 64 dimensions beside 64 latents, and 768 of the discriminator; ImageNet's has 1536.
    labels = jnp.zeros((2, 10))
    found = _shapes(r3gan(output_shape=(32, 32, 3)), jnp.zeros((2, 64)), condition=labels)["params"]
    assert found["Dense_0"] == {"kernel": (10, 64)} and found["Dense_1"] == {"kernel": (128, 768)}
    for width, groups in ((768, 16), (1536, 32)):
        network = r3gan(widths=(width,) * 4, group_size=groups)
        found = _shapes(network, jnp.zeros((2, 32, 32, 3)), condition=labels)["params"]
        assert found["Dense_0"] == {"kernel": (width, width)} and found["Dense_1"] == {"kernel": (10, width)}
        assert found["Block_0"]["Conv_1"]["kernel"] == (3, 3, groups, 2 * width)  # 96 groups
    # Every block starts as the identity. Its other kernels' deviation: √(2 / 1.04 / √L / inputs), L = 4 blocks here.
    network = r3gan(widths=(64,), blocks=4)
    images = np.random.default_rng(0).standard_normal((2, 4, 4, 3), np.float32)
    variables = jax.device_get(jax.jit(network.init)(KEY, images))
    logits = jax.jit(network.apply)(variables, images)[0]
    params = variables["params"]
    assert not np.any(params["Block_0"]["Conv_2"]["kernel"])
    for name, inputs in (("Conv_0", 64), ("Conv_1", 9 * 16)):
        expected = (2 / 1.04 / 2 / inputs) ** 0.5
        assert abs(float(params["Block_0"][name]["kernel"].std()) / expected - 1) < 0.05
    hidden = (images @ params["Conv_0"]["kernel"][0, 0] * params["basis"][None]).sum((1, 2))
    expected = (hidden @ params["Dense_0"]["kernel"])[:, 0]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_r3gan_resizes_as_its_source():
    """By convolutions with the outer product of [1, 3, 3, 1]/8, stride 2, zeros beyond the border, as in its code."""
    images = np.random.default_rng(0).standard_normal((2, 4, 6, 3), np.float32)
    taps = np.array([1, 3, 3, 1], np.float32) / 8
    kernel = jnp.asarray(np.outer(taps, taps)[:, :, None, None] * np.eye(3, dtype=np.float32))
    expected = (
        convolve(images, kernel, stride=2, padding=1),
        convolve_transposed(images, 4 * kernel, stride=2, padding=1),
    )
    for found, wanted in zip((halved(images), doubled(images)), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    # Of a constant image, a corner has 3/4 of it on each axis when doubled, and 7/8 when halved.
    ones = jnp.ones((1, 4, 4, 1))
    assert [float(resized(ones)[0, 0, 0, 0]) for resized in (doubled, halved)] == [0.75**2, 0.875**2]
    assert float(doubled(ones)[0, 3, 3, 0]) == 1


FEATURES = {
    "mlp": (mlp(output_shape=(), widths=(6, 5), features=True), IMAGES, 5),
    "maxout": (maxout(widths=(6, 4), pieces=2, initial_scale=1.0, features=True), IMAGES, 4),
    "dcgan": (dcgan(widths=(3,), features=True), IMAGES, 4 * 4 * 3),
    "cifar10": (cifar10(widths=(6,), features=True), jnp.ones((3, 32, 32, 3)), 6),
    "resnet": (resnet(widths=(4,), features=True), IMAGES, 4),
    "r3gan": (r3gan(widths=(4, 4), blocks=1, features=True), IMAGES, 4),
    "vit": (vit(width=8, depth=2, heads=2, patch=4, features=True), IMAGES, 8),
}
"""Networks whose last layer is linear; pix2pix's is a convolution: test_pix2pix.py."""


@pytest.mark.parametrize("name", FEATURES)
def test_features_are_the_last_layers_inputs(name):
    network, inputs, count = FEATURES[name]
    variables = filled(network, inputs)
    found = jax.device_get(jax.jit(network.apply)(variables, inputs)[0])
    assert isinstance(found, Judgement) and found.features.shape == (3, count)
    last = sorted(layer for layer in variables["params"] if layer.startswith("Dense"))[-1]
    weights = variables["params"][last]
    expected = (found.features @ weights["kernel"])[:, 0] + weights.get("bias", np.zeros(1))
    np.testing.assert_allclose(found.logits, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("minibatch", "more"), [("deviation", (1, 16, 1)), ("discrimination", (100, 100, 100))])
def test_minibatch_layers_stand_before_the_last_one_and_not_among_the_features(minibatch, more):
    options = {"minibatch": minibatch, "features": True}
    built = (
        (mlp(output_shape=(), widths=(6, 5), **options), "Dense_2", 5),
        (dcgan(widths=(3,), **options), "Dense_0", 4 * 4 * 3),  # a deviation is a channel more, of 4 × 4 pixels
        (resnet(widths=(4,), **options), "Dense_0", 4),
    )
    for (network, last, count), added in zip(built, more, strict=True):
        variables = jax.eval_shape(lambda key, network=network: network.init(key, IMAGES), KEY)
        assert variables["params"][last]["kernel"].shape == (count + added, 1)
        assert jax.eval_shape(network.apply, variables, IMAGES)[0].features.shape == (3, count)


def test_discriminators_that_mix_their_batch_judge_real_and_fake_apart():
    assert mlp(output_shape=(), widths=(3,), normalization="layer").apply.independent
    for options in ({"normalization": "batch"}, {"minibatch": "deviation"}, {"minibatch": "discrimination"}):
        apply = mlp(output_shape=(), widths=(3,), **options).apply
        assert isinstance(apply, PerExample) and not apply.independent


def _convolutional(axis_name):
    """A virtually normalised generator against a spectrally normalised discriminator with deviations."""
    discriminator = {"normalization": "spectral", "minibatch": "deviation", "features": True, "axis_name": axis_name}
    return {
        "generator": dcgan(output_shape=(4, 4, 1), widths=(3,), initial_scale=0.5, normalization="virtual"),
        "discriminator": dcgan(widths=(3,), **discriminator),
    }


def _dense(axis_name):
    """Batch statistics, and distances between examples, over all devices; and dropout."""
    discriminator = {"minibatch": "discrimination", "keep_hidden": 0.5, "axis_name": axis_name}
    return {
        "generator": mlp(output_shape=(4, 4, 1), widths=(6,), normalization="batch", axis_name=axis_name),
        "discriminator": mlp(output_shape=(), widths=(6,), **discriminator),
    }


@pytest.mark.slow
@pytest.mark.parametrize(("mapping", "networks"), [("shard_map", _convolutional), ("pmap", _dense)])
def test_a_step_on_four_devices_is_that_on_one(mapping, networks):
    rest = {"latent": LATENTS["normal"](4), "loss": LOSSES["hinge"]}
    rest |= {"generator_tx": optax.sgd(0.05), "discriminator_tx": optax.sgd(0.05)}
    batch = jax.tree.map(lambda x: x[0], data(1, batch=8, shape=(4, 4, 1)))
    before, after = start(networks(None) | rest, example_shape=(4, 4, 1)), []
    for chosen in ("jit", mapping):
        step, place_state, place_batch = distribute(
            lambda axis_name: make_train_step(**networks(axis_name), **rest, axis_name=axis_name), mapping=chosen
        )
        state, metrics = step(place_state(jax.tree.map(jnp.copy, before)), place_batch(batch))
        assert all(np.isfinite(value) for value in metrics.values())
        after.append(jax.device_get(state.replace(key=jax.random.key_data(state.key))))
    assert difference(*after) < 1e-5
    moved = [
        difference(getattr(after[0], player), getattr(before, player)) for player in ("generator", "discriminator")
    ]
    assert min(moved) > 1e-3


@pytest.mark.medium
def test_layers_may_start_each_in_its_own_way():
    network = mlp(
        output_shape=(300,),
        widths=(40, 30),
        initializer="uniform,uniform,sparse",
        layer_scales=(0.05, 0.5, 7),
        layer_biases=(0.0, -2.0),
    )
    params = jax.jit(network.init)(KEY, np.zeros((2, 50), np.float32))["params"]
    kernels = [np.asarray(params[f"Dense_{i}"]["kernel"]) for i in range(3)]
    assert 0.049 < np.abs(kernels[0]).max() <= 0.05 and 0.49 < np.abs(kernels[1]).max() <= 0.5
    assert ((kernels[2] != 0).sum(0) == 7).all()
    assert [float(np.mean(params[f"Dense_{i}"]["bias"])) for i in range(3)] == [0.0, -2.0, 0.0]


@pytest.mark.parametrize("normalization", ["batch", "layer", "spectral", "weight", "equalized"])
def test_a_normalised_mlp_does_not_see_the_scale_of_its_weights(normalization):
    # But for "equalized", whose scale is fixed: twice the weights are twice the outputs.
    network = mlp(output_shape=(), widths=(16,), normalization=normalization)
    inputs = np.random.default_rng(0).standard_normal((9, 6), np.float32)

    @jax.jit
    def judge(variables, factors):
        def of(factor):
            params = {**variables["params"]}
            params["Dense_0"] = {**params["Dense_0"], "kernel": factor * params["Dense_0"]["kernel"]}
            return network.apply({**variables, "params": params}, inputs, key=KEY, train=True)[0]

        return jax.vmap(of)(factors)

    once, twice = judge(filled(network, inputs, bias=0.0), np.array([1.0, 2.0], np.float32))
    np.testing.assert_allclose(twice, (2 if normalization == "equalized" else 1) * once, rtol=1e-3, atol=1e-4)
