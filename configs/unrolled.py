"""Unrolled GAN: the generator looks five discriminator updates ahead, on the ring of eight Gaussians.

    python launch.py --config=configs/unrolled.py --workdir=runs/unrolled

Adam 1e-3 for the generator, 1e-4 for the discriminator, beta1 .5; networks of configs/ring.py. A step here costs as
much as several steps of that config.
Time, and published scores: docs/zoo.md, Recipes; no score was measured here.
Source: Metz et al. 2017 (arXiv:1611.02163), section 3.1 and appendix A; its ring has radius 2, and its networks tanh.
"""

from ml_collections import ConfigDict

from configs import ring


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = ring.get_config(platform)
    config.unrolled_steps = 5
    config.discriminator_optimizer.learning_rate = 1e-4
    return config
