"""DiffAugment for small data sets: the discriminator sees data and samples with the same augmentations.

    python launch.py --config=configs/diffaugment.py --workdir=runs/diffaugment

DCGAN networks on 5,000 digits (extra `demo`), with translations and cutouts (colours are of no use for digits).
Time, and published scores: docs/zoo.md, Recipes; no score was measured here.
Source: Zhao et al. 2020 (arXiv:2006.10738).
"""

from ml_collections import ConfigDict

from configs import dcgan


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = dcgan.get_config(platform)
    config.augmentation.names = ("translation", "cutout")
    return config
