"""R3GAN on 32 x 32 images: residual blocks without normalisation, the relativistic paired loss with R1 and R2.

    python launch.py --config=configs/r3gan.py --config.dataset.path=TFDS_DIRECTORY --workdir=runs/r3gan

Data: CIFAR-10. 64 normal latents, four widths of 768 channels (4 to 32 pixels), two blocks each; gamma .05 for both
penalties; Adam at 2e-4 with betas 0 and .99, batch 512, moving average .999. The source moves its rates, gamma, decays
as it goes, and augments; this does not.
Other sizes, 4 * 2^n pixels: a width more for every doubling.

Time: docs/zoo.md, Recipes. No score was measured here.
Source: Huang et al. 2024 (arXiv:2501.05441), section 4.
"""

from ml_collections import ConfigDict

from configs import default


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = default.get_config(platform)
    config.dataset.name = "tfds"
    config.dataset.tfds_name = "cifar10"
    config.dataset.range = "symmetric"
    config.loss = "relativistic_paired"
    config.penalties.r1_r2 = 0.05
    config.steps = 100_000
    config.batch_size = 512
    config.average_decay = 0.999
    config.latent.name = "normal"
    config.latent.dim = 64

    config.generator.output = "linear"
    config.generator.output_bias = "zero"
    for player in (config.generator, config.discriminator):
        player.network = "r3gan"
        player.widths = (768, 768, 768, 768)
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 2e-4
        optimizer.b1 = 0.0
        optimizer.b2 = 0.99
    return config
