"""SNGAN on 32 x 32 images: residual networks, the discriminator spectrally normalised, hinge loss.

    python launch.py --config=configs/sngan.py --config.dataset.path=TFDS_DIRECTORY --workdir=runs/sngan

Data: CIFAR-10. Generator: 128 normal latents, 4 x 4 x 256, three blocks of 256 with batch normalisation, tanh.
Discriminator: four blocks of 128, of which the first two halve the sides, a sum over pixels, a logit; a power iteration
for every call. Adam at 2e-4 with betas 0 and .9, batch 64, five discriminator updates a step.
Other sizes: 48 pixels with --config.generator.widths="(512, 256, 128, 64)"
--config.discriminator.widths="(64, 128, 256, 512, 1024)" --config.discriminator.halvings=0; see jaxgan.networks.resnet.

Time: docs/zoo.md, Recipes. No score was measured here.
Source: Miyato et al. 2018 (arXiv:1802.05957), table 4; generator and discriminator see as many examples here.
"""

from ml_collections import ConfigDict

from configs import default


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = default.get_config(platform)
    config.dataset.name = "tfds"
    config.dataset.tfds_name = "cifar10"
    config.dataset.range = "symmetric"
    config.loss = "hinge"
    config.discriminator_steps = 5
    config.steps = 100_000
    config.batch_size = 64
    config.latent.name = "normal"
    config.latent.dim = 128

    config.generator.widths = (256, 256, 256, 256)
    config.generator.output = "tanh"
    config.generator.output_bias = "zero"
    config.generator.normalization = "batch"
    config.discriminator.widths = (128, 128, 128, 128)
    config.discriminator.halvings = 2
    config.discriminator.normalization = "spectral"
    for player in (config.generator, config.discriminator):
        player.network = "resnet"
        player.activation = ("relu",)
        player.initializer = ("glorot_uniform",)
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 2e-4
        optimizer.b1 = 0.0
        optimizer.b2 = 0.9
    return config
