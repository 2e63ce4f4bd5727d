"""Eight Gaussians on a ring of radius 1 (sigma .01), the toy problem on which mode collapse is easiest to see.

    python launch.py --config=configs/ring.py --workdir=runs/ring

Source: data of the PacGAN protocol (arXiv:1712.04086).
"""

from ml_collections import ConfigDict

from configs import default


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = default.get_config(platform)
    config.dataset.name = "ring"
    config.steps = 20_000
    config.batch_size = 256
    config.average_decay = 0.999
    config.latent.name = "normal"
    config.latent.dim = 2

    config.generator.widths = (128, 128)
    config.generator.output = "linear"
    config.generator.output_bias = "zero"
    config.discriminator.widths = (128, 128)
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 1e-3

    config.log_every = 500
    config.sample_every = 2_000
    config.sample_count = 2_500
    config.checkpoint_every = 5_000
    return config
