"""LSGAN: least squares instead of cross-entropies.

    python launch.py --config=configs/lsgan.py --workdir=runs/lsgan

DCGAN networks on 5,000 digits (extra `demo`); targets 1 for data, 0 for samples, and 1 for the generator.
Time, and published scores: docs/zoo.md, Recipes; no score was measured here.
Source: Mao et al. 2017 (arXiv:1611.04076), equation 9; optimizer of configs/dcgan.py.
"""

from ml_collections import ConfigDict

from configs import dcgan


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = dcgan.get_config(platform)
    config.loss = "least_squares"
    return config
