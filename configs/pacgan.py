"""PacGAN: a discriminator of pairs of examples, on the ring of eight Gaussians.

    python launch.py --config=configs/pacgan.py --workdir=runs/pacgan

Networks and optimizer of configs/ring.py; only the packing is the source's.
Time, and published scores: docs/zoo.md, Recipes; no score was measured here.
Source: Lin et al. 2018 (arXiv:1712.04086), section 2.
"""

from ml_collections import ConfigDict

from configs import ring


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = ring.get_config(platform)
    config.packing = 2
    return config
