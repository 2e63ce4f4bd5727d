"""WGAN-GP: a critic whose gradient between data and samples is held at norm 1.

    python launch.py --config=configs/wgan_gp.py --workdir=runs/wgan_gp

DCGAN networks on 5,000 digits (extra `demo`), no normalisation in the critic; lambda 10, k 5, Adam 1e-4 with betas 0
and .9, batch 64. The metric d_wasserstein estimates the Wasserstein distance.
Time, and published scores: docs/zoo.md, Recipes; no score was measured here.
Source: Gulrajani et al. 2017 (arXiv:1704.00028), Algorithm 1.
"""

from ml_collections import ConfigDict

from configs import dcgan


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = dcgan.get_config(platform)
    config.loss = "wasserstein"
    config.discriminator_steps = 5
    config.penalties.gradient_penalty = 10.0
    config.discriminator.normalization = "none"
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 1e-4
        optimizer.b1, optimizer.b2 = 0.0, 0.9
    return config
