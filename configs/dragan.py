"""DRAGAN: the discriminator's gradient is held at length 1 around the data alone.

    python launch.py --config=configs/dragan.py --workdir=runs/dragan

DCGAN networks on 5,000 digits (extra `demo`), no normalisation in the discriminator, lambda = 10.
Time, and what is published of scores: docs/zoo.md, Recipes; no score was measured here.
Source: Kodali et al. 2017 (arXiv:1705.07215), Algorithm 1; optimizer of configs/dcgan.py.
"""

from ml_collections import ConfigDict

from configs import dcgan


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = dcgan.get_config(platform)
    config.penalties.dragan = 10.0
    config.discriminator.normalization = "none"
    return config
