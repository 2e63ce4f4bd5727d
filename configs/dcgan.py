"""A DCGAN on 28 × 28 digits; the widths determine the image size.

    python launch.py --config=configs/dcgan.py --workdir=runs/dcgan

64 × 64 images from an .npz: --config.dataset.name=npz --config.dataset.path=FILE
--config.generator.widths="(512, 256, 128, 64)" --config.discriminator.widths="(64, 128, 256, 512)": one width per
doubling from the smallest image, which is 4 × 4 there and 7 × 7 here.
Time, and published scores: docs/zoo.md, Recipes; no score was measured here.
Source: Radford et al. 2016 (arXiv:1511.06434): Adam at 2e-4 with beta1 .5, weights N(0, .02), latents U(-1, 1), tanh.
"""

from ml_collections import ConfigDict

from configs import default


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = default.get_config(platform)
    config.dataset.name = "digits"
    config.dataset.range = "symmetric"
    config.steps = 10_000
    config.batch_size = 64
    config.latent.name = "uniform_unit"
    config.latent.dim = 100

    config.generator.widths = (128, 64)
    config.generator.output = "tanh"
    config.generator.output_bias = "zero"
    config.discriminator.widths = (64, 128)
    config.discriminator.activation = ("leaky_relu",)
    for player in (config.generator, config.discriminator):
        player.network = "dcgan"
        player.initializer = ("normal",)
        player.initial_scale = 0.02
    return config
