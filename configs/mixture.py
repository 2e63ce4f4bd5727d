"""All modes of a mixture of Gaussians, with hardly any samples between them.

    python launch.py --config=configs/mixture.py --workdir=runs/mixture
    python launch.py --config=configs/mixture.py --config.dataset.name=grid --workdir=runs/grid

The relativistic loss with R1 + R2 keeps all modes. The prior is itself a mixture, whose means the generator learns. It
leaves few samples between the modes; a continuous map of a single Gaussian cannot do this. Its deviations are fixed, so
no component shrinks to a point that the discriminator chases. The penalty is weak, so that the discriminator can locate
a mode of deviation .01. The learning rate falls to a tenth. Samples come from a short moving average of the generator,
which removes its circling.
Time: a minute for a run on one core. Score (docs/modes.md, ten seeds): ring 8.0 modes of 8 and 99.90 +- 0.04 % high
quality, grid 25.0 of 25 and 99.95 +- 0.02 %.
Source: losses arXiv:2501.05441, prior arXiv:1706.02071, average arXiv:1806.04498; data of the PacGAN protocol
(arXiv:1712.04086).
"""

from ml_collections import ConfigDict

from configs import default


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = default.get_config(platform)
    config.dataset.name = "ring"
    config.steps = 12_000
    config.batch_size = 256
    config.average_decay = 0.99

    config.loss = "relativistic_paired"
    config.penalties.r1_r2 = 5e-4
    config.latent.name = "mixture"
    config.latent.dim = 2
    config.latent.components = 256
    config.latent.spread = 10.0
    config.latent.deviation = 0.03
    config.latent.learn_deviation = False

    config.generator.widths = (128, 128, 128)
    config.generator.activation = ("leaky_relu",)
    config.generator.output = "linear"
    config.generator.output_bias = "zero"
    config.discriminator.widths = (128, 128, 128)
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 1e-3
        optimizer.b1 = 0.0
        optimizer.b2 = 0.999
        optimizer.rate_schedule = "cosine"
        optimizer.rate_floor = 1e-4

    config.log_every = 500
    config.sample_every = 12_000
    config.sample_count = 2_500
    config.checkpoint_every = 6_000
    return config
