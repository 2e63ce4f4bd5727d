"""pix2pix: parameters counted by hand, skips, what a logit sees, and what its condition may be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.networks import pix2pix
from jaxgan.types import Judgement
from tests.networks.variables import filled

KEY = jax.random.key(0)


def count(network, inputs, condition=None):
    shapes = jax.eval_shape(lambda key: network.init(key, inputs, condition=condition), KEY)
    return sum(leaf.size for leaf in jax.tree.leaves(shapes["params"]))


def test_parameters_by_hand():
    # Halvings of 1, 4 and 6 channels to 4, 6 and 8; z of 5 to 2 × 2 × 8; doublings of 16, 12 and 8 channels to 6, 4, 3.
    generator = pix2pix(output_shape=(16, 16, 3), widths=(4, 6, 8))
    halvings = 16 * (1 * 4 + 4 * 6 + 6 * 8) + 4 + 8 + 2 * 6  # biases at both ends, a batch norm between
    latents = 5 * 32 + 32
    doublings = 16 * (16 * 6 + 12 * 4 + 8 * 3) + 2 * 6 + 2 * 4 + 3
    latent, picture = jnp.ones((2, 5)), jnp.ones((2, 16, 16, 1))
    assert count(generator, latent, picture) == halvings + latents + doublings
    # Without a picture, the doublings see only what is doubled.
    assert count(generator, latent) == latents + 16 * (8 * 6 + 6 * 4 + 4 * 3) + 2 * 6 + 2 * 4 + 3
    discriminator = pix2pix(widths=(4, 6, 8))
    layers = 16 * (3 * 4 + 4 * 6 + 6 * 8 + 8 * 1) + 4 + 2 * 6 + 2 * 8 + 1
    assert count(discriminator, jnp.ones((2, 32, 32, 3))) == layers
    assert count(discriminator, jnp.ones((2, 32, 32, 3)), jnp.ones((2, 32, 32, 2))) == layers + 16 * 2 * 4


def test_the_sources_discriminator_sees_70_pixels_with_each_of_30_by_30_logits():
    network = pix2pix(widths=(2, 2, 2, 2), normalization="none")
    images = jnp.zeros((1, 256, 256, 3))
    variables = filled(network, images)
    logits = jax.eval_shape(network.apply, variables, images)[0]
    assert logits.shape == (1, 30, 30)
    seen = jax.jit(jax.grad(lambda x: network.apply(variables, x)[0][0, 15, 15]))(images)
    rows, columns = (np.flatnonzero(np.abs(seen[0]).sum((2, axis))) for axis in (1, 0))
    assert (rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1) == (70, 70)


@pytest.mark.parametrize("normalization", ["batch", "instance", "none"])
def test_a_picture_passes_by_the_bottleneck_and_latents_through_it(normalization):
    network = pix2pix(output_shape=(8, 8, 2), widths=(3, 4), normalization=normalization, initial_scale=1.0)
    latents, picture = jnp.ones((2, 5)), jax.random.normal(KEY, (2, 8, 8, 1))
    variables = filled(network, latents, picture)
    apply = jax.jit(lambda z, c: network.apply(variables, z, condition=c)[0])
    made = apply(latents, picture)
    assert made.shape == (2, 8, 8, 2)
    assert np.abs(made - apply(-latents, picture)).max() > 1e-4 and np.abs(made - apply(latents, -picture)).max() > 1e-4
    # A pixel reaches the output beside the smallest size: without the layers there it still does.
    cut = jax.tree_util.tree_map_with_path(
        lambda path, leaf: 0 * leaf if any(getattr(key, "key", "") in ("Conv_1", "Dense_0") for key in path) else leaf,
        variables,
    )
    seen = jax.jit(jax.grad(lambda c: network.apply(cut, latents, condition=c)[0][0, 4, 4].sum()))(picture)
    assert np.abs(seen[0]).sum() > 0 and np.abs(seen[1]).sum() == 0


def test_labels_features_and_pictures_of_another_size():
    network = pix2pix(output_shape=(8, 8, 2), widths=(3, 4), classes=5)
    labels = jnp.array([1, 4])
    variables = filled(network, jnp.ones((2, 5)), labels)
    made = network.apply(variables, jnp.ones((2, 5)), condition=labels)[0]
    assert np.abs(made[0] - made[1]).max() > 1e-5
    with pytest.raises(ValueError, match=r"the picture is \[4, 4\], and the output \[8, 8\]"):
        network.init(KEY, jnp.ones((2, 5)), condition=jnp.ones((2, 4, 4, 1)))
    with pytest.raises(ValueError, match="pix2pix needs at least one width"):
        pix2pix(output_shape=(8, 8, 2), widths=())


def test_features_and_remat():
    images = jax.random.normal(KEY, (2, 16, 16, 3))
    plain, remat = (pix2pix(widths=(3, 4), features=True, remat=remat) for remat in (False, True))
    variables = filled(plain, images)
    found = plain.apply(variables, images)[0]
    assert isinstance(found, Judgement) and found.features.shape == (2, 7 * 7 * 4) and found.logits.shape == (2, 6, 6)
    np.testing.assert_allclose(found.logits, remat.apply(variables, images)[0].logits, rtol=1e-6)
    generators = [pix2pix(output_shape=(8, 8, 1), widths=(3, 4), remat=remat) for remat in (False, True)]
    picture = jnp.ones((2, 8, 8, 1))
    variables = filled(generators[0], jnp.ones((2, 3)), picture)
    made = [network.apply(variables, jnp.ones((2, 3)), condition=picture)[0] for network in generators]
    np.testing.assert_allclose(*made, rtol=1e-6)
