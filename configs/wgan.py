"""The first Wasserstein GAN: a critic with clipped weights, with five updates per generator update.

    python launch.py --config=configs/wgan.py --workdir=runs/wgan

DCGAN networks on 5,000 digits (extra `demo`), RMSProp 5e-5, weights in [-.01, .01], k = 5, batch 64. The metric
d_wasserstein estimates the distance, up to the critic's unknown Lipschitz constant.
Time, and published scores: docs/zoo.md, Recipes; no score was measured here.
Source: Arjovsky et al. 2017 (arXiv:1701.07875), Algorithm 1.
"""

from ml_collections import ConfigDict

from configs import dcgan


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = dcgan.get_config(platform)
    config.loss = "wasserstein"
    config.discriminator_steps = 5
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.name = "rmsprop"
        optimizer.learning_rate = 5e-5
        optimizer.b2 = 0.99
    config.discriminator_optimizer.clip_weights = 0.01
    return config
