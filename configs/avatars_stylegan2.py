"""StyleGAN2's networks on the avatars: styles that scale the channels of every convolution.

    python launch.py --config=configs/avatars_stylegan2.py --workdir=runs/avatars_stylegan2
    python launch.py --mode=sample --workdir=runs/avatars_stylegan2 --config.generator.truncation=0.7

Data: 20,000 avatars of 32 x 32 pixels that come with jaxgan, with the four classes of configs/avatars.py. The mapping
network has two layers; the discriminator sees the deviation within groups of four examples. Non-saturating loss with R1
of gamma .5 in every sixteenth step; Adam at 2e-3 with betas 0 and .99; batch 32; moving average of the generator .997.

Time and score: not trained yet.
Source: Karras et al. 2020 (arXiv:1912.04958, arXiv:2006.06676), the code NVlabs/stylegan2-ada-pytorch, cfg cifar.
Deviations: narrower networks (48 to 16 channels, 512 there); no noise of each pixel; batch 32 (64); R1 as gamma/2 times
the squared norm with gamma .5 (.01); rate 2e-3 (2.5e-3); no augmentation; groups of 4 (32); average .997 (of
500,000 images as half-life, which rises at the start); Adam is not slowed down for the lazy penalty.
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
    config.penalties.r1 = 0.5
    config.penalties.interval = 16
    config.steps = 6_000  # 12 epochs of 500
    config.batch_size = 32
    config.average_decay = 0.997
    config.latent.name = "normal"
    config.latent.dim = 64

    config.generator.widths = (48, 32, 24, 16)
    config.generator.output = "linear"
    config.generator.output_bias = "zero"
    config.discriminator.widths = (16, 24, 32, 48)
    config.discriminator.minibatch = "deviation"
    for player in (config.generator, config.discriminator):
        player.network = "stylegan2"
        player.style = 64
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 2e-3
        optimizer.b1 = 0.0
        optimizer.b2 = 0.99
    config.sample_every = 500
    config.checkpoint_every = 500
    return config
