"""pix2pix on the avatars: colours from an outline.

    python launch.py --config=configs/pix2pix.py --workdir=runs/pix2pix
    python launch.py --mode=sample --workdir=runs/pix2pix --count=100
    python launch.py --mode=evaluate --workdir=runs/pix2pix --config.evaluation.metrics=task

Data: 20,000 avatars of 32 x 32 pixels that come with jaxgan. The condition is an avatar's outline. The generator is a
U-Net. The discriminator sees the avatar and its outline, and has a logit for each patch of 34 x 34 pixels.
Non-saturating loss, and 100 times the mean absolute difference to the avatar; Adam with rate 2e-4 and betas .5 and
.999; batch 16.

Time and score: 8 to 9 minutes on one core of an AMD EPYC that others used. Two seeds: rmse_mean .141 and Fréchet
distance .6, where the error alone has .119 and 2.6 (docs/translation.md).
Source: Isola et al. 2017 (arXiv:1611.07004). Deviations: images of 32 pixels and networks of that size; noise is a
latent vector and not dropout; minibatches of 16 and not 1 to 10; 4 epochs and not 200; an average of the
generator over some 100 steps (none); the discriminator's loss is not halved.
"""

from ml_collections import ConfigDict

from configs import default


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = default.get_config(platform)
    config.dataset.name = "avatars"
    config.dataset.range = "symmetric"
    config.task = "translation"
    config.translation.view = "outline"
    config.terms.l1 = 100.0
    config.steps = 4_000  # 4 epochs of 1,000
    config.batch_size = 16
    config.average_decay = 0.99
    config.latent.name = "normal"
    config.latent.dim = 16

    config.generator.network = "pix2pix"
    config.generator.widths = (32, 64, 128)
    config.generator.output = "tanh"
    config.generator.output_bias = "zero"
    config.discriminator.network = "pix2pix"
    config.discriminator.widths = (32, 64, 128)
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 2e-4
        optimizer.b1 = 0.5
    config.sample_every = 500
    config.checkpoint_every = 500
    return config
