"""AC-GAN: the generator is given a class; the discriminator does not see the class, but predicts it.

    python launch.py --config=configs/acgan.py --workdir=runs/acgan

DCGAN networks on 5,000 labelled digits (extra `demo`). The generator gets the label as ten more latents, and the
discriminator's second head classifies data and samples. Adam at 2e-4 with beta1 .5, batch 100, 100 normal latents.
Pictures have a row per class; --mode=sample writes the labels too. For another data set, set
--config.discriminator.class_logits=CLASSES.
Time, and published scores: docs/zoo.md, Recipes; no score was measured here.
Source: Odena et al. 2017 (arXiv:1610.09585), section 3.
"""

from ml_collections import ConfigDict

from configs import dcgan


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = dcgan.get_config(platform)
    config.condition = "labels"
    config.batch_size = 100
    config.latent.name = "normal"
    config.discriminator.conditional = False
    config.discriminator.class_logits = 10
    config.terms.auxiliary_classifier = 1.0
    return config
