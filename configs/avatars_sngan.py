"""SNGAN's residual networks on the avatars, at a width for two cores: spectral normalisation and the hinge loss.

    python launch.py --config=configs/avatars_sngan.py --workdir=runs/avatars_sngan

Data: 20,000 avatars of 32 x 32 pixels that come with jaxgan, with the four classes of configs/avatars.py. Three blocks
in the generator, with conditional batch normalisation, and four in the discriminator, with projection of the class; one
update of D for each of G. Adam with betas 0 and .9, its rate of 2e-4 linear to 0; batch 32; moving average of the
generator .997.

Time and score: not trained yet.
Source: Miyato et al. 2018 (arXiv:1802.05957), as configs/sngan.py. Deviations: 48 to 16 channels (256 and 128); one
update of D (five); batches of 32 for both (64 and 128); a moving average (none); latents of 64 dimensions (128).
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
    config.loss = "hinge"
    config.steps = 6_000  # 12 epochs of 500
    config.batch_size = 32
    config.average_decay = 0.997
    config.latent.name = "normal"
    config.latent.dim = 64

    config.generator.widths = (48, 32, 24, 16)
    config.generator.output = "tanh"
    config.generator.output_bias = "zero"
    config.generator.normalization = "batch"
    config.discriminator.widths = (16, 24, 32, 48)
    config.discriminator.halvings = 2
    config.discriminator.normalization = "spectral"
    config.discriminator.logit_bias = False
    for player in (config.generator, config.discriminator):
        player.network = "resnet"
        player.activation = ("relu",)
        player.initializer = ("glorot_uniform",)
        player.block_scale = 2.0
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 2e-4
        optimizer.b1 = 0.0
        optimizer.b2 = 0.9
    rates = "generator_optimizer.learning_rate & discriminator_optimizer.learning_rate"
    config.schedules = f"{rates}=linear(0, {config.steps * config.batch_size})"
    config.sample_every = 500
    config.checkpoint_every = 500
    return config
