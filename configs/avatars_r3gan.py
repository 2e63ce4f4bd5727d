"""R3GAN on the avatars, at a width for two cores: the relativistic paired loss with R1 and R2, and its schedules.

    python launch.py --config=configs/avatars_r3gan.py --workdir=runs/avatars_r3gan

Data: 20,000 avatars of 32 x 32 pixels that come with jaxgan, with the four classes of configs/avatars.py. One residual
block for each of the widths 48, 32, 16 and 16, in groups of 16 channels. Batch 32; Adam with beta1 0. These change by
half a cosine over the first half of the run, 96,000 images: gamma of both penalties 1 to .1, the rates 1e-3 to 2.5e-4,
beta2 .9 to .99, the half-life of the average 0 to 10,000 images.

Time and score: not trained yet.
Source: Huang et al. 2024 (arXiv:2501.05441), as configs/r3gan.py. Deviations: widths of 16 to 48 (768), one block each
(two); batch 32 (512); the generator sees the discriminator's images (its own); gamma, rates and the lengths of the
schedules are of this data; no augmentation; no mirror images.
"""

from ml_collections import ConfigDict

from configs import default


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = default.get_config(platform)
    config.dataset.name = "avatars"
    config.dataset.label = "mouth,hair"
    config.dataset.range = "symmetric"
    config.condition = "labels"
    config.loss = "relativistic_paired"
    config.penalties.r1_r2 = 1.0
    config.steps = 6_000  # 12 epochs of 500
    config.batch_size = 32
    config.latent.name = "normal"
    config.latent.dim = 64

    config.generator.widths = (48, 32, 16, 16)
    config.generator.output = "linear"
    config.generator.output_bias = "zero"
    config.discriminator.widths = (16, 16, 32, 48)
    for player in (config.generator, config.discriminator):
        player.network = "r3gan"
        player.blocks = 1
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 1e-3
        optimizer.b1 = 0.0
        optimizer.b2 = 0.9
    last = {
        "penalties.r1_r2": 0.1,
        "generator_optimizer.learning_rate & discriminator_optimizer.learning_rate": 2.5e-4,
        "generator_optimizer.b2 & discriminator_optimizer.b2": 0.99,
        "average_half_life": 1e4,  # from 0: initially no average
    }
    config.schedules = "; ".join(f"{fields}=cosine({value:g}, 96e3)" for fields, value in last.items())
    config.sample_every = 500
    config.checkpoint_every = 500
    return config
