"""StyleGAN2 by its source's formulas, written out for one example at a time."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from configs import default
from jaxgan.latents import LATENTS as LATENTS_OF
from jaxgan.networks import NETWORKS
from jaxgan.networks.stylegan2 import CENTRE, Conv, active, blurred
from jaxgan.training.step import generate, init_state
from jaxgan.types import DiscriminatorOutput
from tests.tasks.test_tasks import problem_texts

KEY = jax.random.key(0)
IMAGES = np.random.default_rng(0).standard_normal((3, 8, 8, 4), np.float32)
LATENTS = np.random.default_rng(1).standard_normal((3, 6), np.float32)


def started(network, inputs, labels=None):
    """Variables of init, and biases that are not 0."""
    variables = jax.device_get(jax.jit(network.init)(KEY, inputs, condition=labels))
    leaves, tree = jax.tree.flatten(variables)
    return jax.tree.unflatten(tree, [leaf + 0.1 if leaf.ndim == 1 else leaf for leaf in leaves])


generator = NETWORKS["stylegan2"](output_shape=(8, 8, 2), widths=(5, 4), style=7)


@pytest.mark.parametrize("demodulated", [True, False])
def test_a_modulated_convolution_has_a_kernel_for_each_example(demodulated):
    # Equations 1 and 3 of arXiv:1912.04958: w' = s·w for each input channel, w'' = w'/√(Σ w'² + ε).
    layer, styles = Conv(5, demodulated=demodulated), np.random.default_rng(2).standard_normal((3, 6), np.float32)
    params = layer.init(KEY, IMAGES, styles)["params"]
    params["affine"]["bias"] = np.linspace(0.5, 1.5, 4).astype(np.float32)
    found = layer.apply({"params": params}, IMAGES, styles)
    for image, style, outputs in zip(IMAGES, styles, found, strict=True):
        scales = style @ np.asarray(params["affine"]["kernel"]) / np.sqrt(6) + params["affine"]["bias"]
        kernel = np.asarray(params["kernel"]) / np.sqrt(9 * 4) * np.asarray(scales)[:, None]
        if demodulated:
            kernel = kernel / np.sqrt(np.square(kernel).sum((0, 1, 2)) + 1e-8)
        wanted = jax.lax.conv_general_dilated(
            image[None], kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )[0]
        np.testing.assert_allclose(outputs, wanted, rtol=1e-4, atol=1e-5)


def test_blurred_then_strided_is_the_sources_halving():
    # upfirdn2d pads by 2 on each side for a filter of 4 taps before a 3 × 3 kernel with stride 2.
    taps = np.array([1, 3, 3, 1], np.float32) / 8
    kernel = np.zeros((4, 4, 4, 4), np.float32)
    kernel[:, :, np.arange(4), np.arange(4)] = np.outer(taps, taps)[:, :, None]
    wanted = jax.lax.conv_general_dilated(
        IMAGES, kernel, (1, 1), ((2, 2), (2, 2)), dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    np.testing.assert_allclose(blurred(IMAGES), wanted, rtol=1e-5, atol=1e-6)
    halving = Conv(5, stride=2, padding=0)
    assert halving.apply(halving.init(KEY, wanted), wanted).shape == (3, 4, 4, 5)


def test_style_mixing_gives_each_size_its_own_style():
    variables = started(generator, LATENTS)
    draw = jax.jit(lambda latents: generator.apply(variables, latents)[0])
    plain, twice = draw(LATENTS), draw(np.stack([LATENTS, LATENTS], 1))
    np.testing.assert_allclose(plain, twice, rtol=1e-5, atol=1e-6)
    mixed = draw(np.stack([LATENTS, LATENTS[::-1]], 1))
    assert np.abs(mixed[0] - plain[0]).max() > 1e-3 and np.abs(mixed[0] - plain[2]).max() > 1e-3
    np.testing.assert_allclose(mixed[1], plain[1], rtol=1e-5, atol=1e-6)  # the middle one is mixed with itself
    with pytest.raises(ValueError, match=r"this generator has 2 sizes, and the latents are \[3, 3, 6\]"):
        generator.apply(variables, np.stack([LATENTS] * 3, 1))


@pytest.mark.parametrize("labels", [None, np.array([0, 1, 1])])
def test_truncation_moves_styles_to_their_centre(labels):
    options = {"output_shape": (8, 8, 2), "widths": (5, 4), "style": 7, "classes": 2}
    whole, half, none = (NETWORKS["stylegan2"](**options, truncation=psi) for psi in (1.0, 0.5, 0.0))
    variables = started(whole, LATENTS, labels)
    outputs = [jax.jit(n.apply)(variables, LATENTS, condition=labels)[0] for n in (whole, half, none)]
    centres = np.asarray(outputs[2])
    # With ψ = 0 only the label is left. With ½ the picture lies between, not at either end.
    assert (np.abs(centres[0] - centres[1]).max() > 1e-4) == (labels is not None)
    np.testing.assert_allclose(centres[1], centres[2], atol=1e-5)
    spread = [np.std(np.asarray(o)[1:], axis=0).mean() for o in outputs]
    assert spread[0] > spread[1] > spread[2] - 1e-6
    # The centre is the mean of the styles of the fixed latents.
    fixed = np.asarray(jax.random.normal(jax.random.key(0), (CENTRE, 6)))
    hidden = fixed / np.sqrt(np.square(fixed).mean(-1, keepdims=True))
    if labels is None:
        for i in range(2):
            layer = variables["params"]["mapping"][f"layer_{i}"]
            hidden = active(hidden @ layer["kernel"] * (0.01 / np.sqrt(hidden.shape[1])) + 0.01 * layer["bias"][None])
        style = np.asarray(hidden).mean(0, keepdims=True)
        assert style.shape == (1, 7)
        moved = jax.tree.map(np.asarray, variables)
        moved["params"]["mapping"]["layer_1"] = {"kernel": np.zeros((7, 7)), "bias": _inverse(style[0]) / 0.01}
        np.testing.assert_allclose(jax.jit(whole.apply)(moved, LATENTS)[0], centres, rtol=1e-3, atol=1e-4)


def _inverse(style):
    """What the activation maps to a style."""
    return np.where(style > 0, style, style / 0.2) / np.sqrt(2)


def test_the_discriminators_deviation_needs_a_batch():
    plain, deviating = (NETWORKS["stylegan2"](widths=(4, 5), style=6, minibatch=name) for name in ("none", "deviation"))
    for network, alone_differs in ((plain, False), (deviating, True)):
        variables = started(network, IMAGES)
        judge = jax.jit(lambda x, network=network, variables=variables: network.apply(variables, x)[0])
        assert (np.abs(judge(IMAGES)[:1] - judge(IMAGES[:1])).max() > 1e-4) == alone_differs


def test_features_are_the_last_layers_inputs():
    network = NETWORKS["stylegan2"](widths=(4, 5), style=6, features=True)
    variables = started(network, IMAGES)
    found = network.apply(variables, IMAGES)[0]
    assert isinstance(found, DiscriminatorOutput) and found.features.shape == (3, 5)
    last = variables["params"]["Linear_1"]
    np.testing.assert_allclose(
        found.logits, (found.features @ last["kernel"])[:, 0] / np.sqrt(5) + last["bias"], rtol=1e-4, atol=1e-5
    )


def test_activations_keep_their_size_at_the_start():
    # Weights are scaled so that the mean square of all layers is near 1, whatever the widths.
    network = NETWORKS["stylegan2"](output_shape=(16, 16, 3), widths=(64, 32, 16), style=32)
    latents = jax.random.normal(KEY, (64, 16))
    outputs = jax.jit(lambda key: network.apply(network.init(key, latents), latents)[0])(KEY)
    assert 0.3 < float(jnp.square(outputs).mean() ** 0.5) < 6


def test_a_config_of_it_is_checked():
    config = default.get_config()
    config.dataset.name, config.dataset.range, config.steps = "avatars", "symmetric", 10
    for player, widths in ((config.generator, (8, 8, 8, 8)), (config.discriminator, (8, 8, 8, 8))):
        player.network, player.widths, player.style = "stylegan2", widths, 8
    config.generator.output, config.generator.output_bias = "linear", "zero"
    assert not problem_texts(config)
    config.generator.truncation = 2.0
    assert any("generator.truncation" in text for text in problem_texts(config))


def test_generate_mixes_styles_of_a_state():
    parts = {"generator": generator, "discriminator": NETWORKS["stylegan2"](widths=(4, 5), style=6)}
    parts |= {"generator_tx": optax.sgd(0.1), "discriminator_tx": optax.sgd(0.1)}
    state = init_state(KEY, **parts, latent=LATENTS_OF["normal"](6), example=np.zeros((2, 8, 8, 2), np.float32))
    assert generate(generator, state, np.stack([LATENTS, LATENTS[::-1]], 1)).shape == (3, 8, 8, 2)
