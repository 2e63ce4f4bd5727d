"""All modes of a mixture of Gaussians, and little between them: the best that is known here for the grid.

    python launch.py --config=configs/mixture.py --workdir=runs/mixture
    python launch.py --config=configs/mixture.py --config.dataset.name=grid --workdir=runs/grid

The relativistic loss with R1 + R2 keeps all modes; a prior that is a mixture itself, whose means and deviations the
generator learns, leaves few samples between them, as a continuous map of one Gaussian cannot; the average of the
generator takes out how it circles.
Time: 80 s for a run on one core. Score (docs/modes.md, ten seeds): ring 8.0 modes of 8 and 90.6 +- 4.3 % high quality,
grid 24.2 +- 0.6 of 25 and 94.3 +- 2.4 %.
Source: losses arXiv:2501.05441, prior arXiv:1706.02071, average arXiv:1806.04498; data of the PacGAN protocol
(arXiv:1712.04086).
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

    config.loss = "relativistic_paired"
    config.penalties.r1_r2 = 0.02
    config.latent.name = "mixture"
    config.latent.dim = 2
    config.latent.components = 256
    config.latent.spread = 10.0
    config.latent.deviation = 0.05
    config.latent.deviation_penalty = 0.0

    config.generator.widths = (128, 128, 128)
    config.generator.activation = "leaky_relu"
    config.generator.output = "linear"
    config.generator.output_bias = "zero"
    config.discriminator.widths = (128, 128, 128)
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 7e-4
        optimizer.b1 = 0.0
        optimizer.b2 = 0.999
        optimizer.rate_schedule = "cosine"
        optimizer.rate_floor = 7e-5

    config.log_every = 500
    config.sample_every = 20_000
    config.sample_count = 2_500
    config.checkpoint_every = 10_000
    return config
