"""Colours for grey avatars, by pix2pix.

    python launch.py --config=configs/colourise.py --workdir=runs/colourise
    python launch.py --mode=sample --workdir=runs/colourise --count=100
    python launch.py --mode=evaluate --workdir=runs/colourise --config.evaluation.metrics=task

Data: 20,000 avatars of 32 x 32 pixels that come with jaxgan. The condition is an avatar's luminance. All else is as in
configs/pix2pix.py.

Time and score: 8 to 9 minutes on one core of an AMD EPYC that others used. Two seeds: rmse_mean .078 and Fréchet
distance 1.3, where the error alone has .076 and 4.0 (docs/translation.md).
Source: Isola et al. 2017 (arXiv:1611.07004), section 4.2. Deviations: as in configs/pix2pix.py; the generator makes
red, green and blue from the luminance (the two colour channels of Lab).
"""

from ml_collections import ConfigDict

from configs import pix2pix


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = pix2pix.get_config(platform)
    config.translation.view = "grey"
    return config
