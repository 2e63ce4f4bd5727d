"""DiffAugment: few data, which the discriminator sees augmented, as it does samples.

    python launch.py --config=configs/diffaugment.py --workdir=runs/diffaugment

DCGAN networks on 5,000 digits (extra `demo`), with translations and cutouts (of no use to digits: colours).
Time, and what is published of scores: docs/zoo.md, Recipes; no score was measured here.
Source: Zhao et al. 2020 (arXiv:2006.10738).
"""

from ml_collections import ConfigDict

from configs import dcgan


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = dcgan.get_config(platform)
    config.augmentation.names = ("translation", "cutout")
    return config
