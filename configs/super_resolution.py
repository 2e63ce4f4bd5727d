"""Avatars of 32 x 32 pixels from 8 x 8, by pix2pix.

    python launch.py --config=configs/super_resolution.py --workdir=runs/super_resolution
    python launch.py --mode=sample --workdir=runs/super_resolution --count=100
    python launch.py --mode=evaluate --workdir=runs/super_resolution --config.evaluation.metrics=task

Data: 20,000 avatars of 32 x 32 pixels that come with jaxgan. The condition is the means over squares of 4 x 4 pixels.
All else is as in configs/pix2pix.py.

Time and score: 8 to 9 minutes on one core of an AMD EPYC that others used. Two seeds: rmse_mean .047 and Fréchet
distance 1.0, where the error alone has .046 and 2.9 (docs/translation.md).
Source: the networks and losses of Isola et al. 2017 (arXiv:1611.07004), for the task of Ledig et al. 2017
(arXiv:1609.04802). Deviations from the latter: a U-Net, and a discriminator of patches that sees the small picture too
(a residual network, and a discriminator of whole pictures alone); an absolute error of pixels (a squared one of pixels
and of VGG features); no training by the error alone before.
"""

from ml_collections import ConfigDict

from configs import pix2pix


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = pix2pix.get_config(platform)
    config.translation.view = "small"
    return config
