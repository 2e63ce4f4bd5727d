"""Improved GAN: feature matching, minibatch discrimination, virtual batch normalisation and smoothed labels.

    python launch.py --config=configs/improved_gan.py --workdir=runs/improved_gan

DCGAN networks on 5,000 digits (extra `demo`), without labels. The generator uses virtual batch normalisation with a
fixed batch; the discriminator sees how far its examples are from each other; data has the label .9. The generator's
loss is the adversarial loss plus feature matching. In the source, section 3.1, it is feature matching only:
--config.terms.adversarial=0. For historical averaging, set --config.generator_optimizer.historical_averaging=WEIGHT,
and the discriminator's. The semi-supervised part of the source is not included.
Time, and published scores: docs/zoo.md, Recipes; no score was measured here.
Source: Salimans et al. 2016 (arXiv:1606.03498), sections 3.1, 3.2, 3.4 and 3.5.
"""

from ml_collections import ConfigDict

from configs import dcgan


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = dcgan.get_config(platform)
    config.real_label = 0.9
    config.terms.feature_matching = 0.01  # a sum over 6,272 features; with weight 1 it would dominate the loss
    config.generator.normalization = "virtual"
    config.discriminator.features = True
    config.discriminator.minibatch = "discrimination"
    return config
