"""Improved GAN: feature matching, minibatch discrimination, virtual batch normalisation and smoothed labels.

    python launch.py --config=configs/improved_gan.py --workdir=runs/improved_gan

DCGAN networks on 5,000 digits (extra `demo`), without labels. The generator is virtually normalised by a fixed batch,
the discriminator sees how far its examples are from each other, data has the label .9, and the generator's loss has
feature matching beside its own part. In the source, section 3.1, feature matching is the whole of it:
--config.terms.adversarial=0. Historical averaging: --config.generator_optimizer.historical_averaging=WEIGHT, and the
discriminator's. Of the semi-supervised half nothing is here.
Time, and what is published of scores: docs/zoo.md, Recipes; no score was measured here.
Source: Salimans et al. 2016 (arXiv:1606.03498), sections 3.1, 3.2, 3.4 and 3.5.
"""

from ml_collections import ConfigDict

from configs import dcgan


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = dcgan.get_config(platform)
    config.real_label = 0.9
    config.terms.feature_matching = 0.01  # a sum over 6,272 features, which would be all of the loss with 1
    config.generator.normalization = "virtual"
    config.discriminator.features = True
    config.discriminator.minibatch = "discrimination"
    return config
