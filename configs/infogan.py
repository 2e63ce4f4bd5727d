"""InfoGAN: a generator whose category and codes can be inferred from its samples.

    python launch.py --config=configs/infogan.py --workdir=runs/infogan

DCGAN networks on 5,000 digits (extra `demo`). Latents: a category of 10, two codes from U(-1, 1), 62 noise variables.
The discriminator's second head gives the category's logits and the codes' means, with deviation 1 as in the source's
code. (Each network of the source has one more layer of 1024 units, and its head one of 128.) lambda 1, batch 128, Adam
with beta1 .5 at 2e-4 for the discriminator and 1e-3 for the generator, 5,000 steps. The metric d_terms is 4.5 nats for
a calibrated head without any information, and 1.84 for a perfect one: the cost of two exact codes at deviation 1.
Time, and published scores: docs/zoo.md, Recipes; no score was measured here.
Source: Chen et al. 2016 (arXiv:1606.03657), sections 5 and 7.2, and openai/InfoGAN.
"""

from ml_collections import ConfigDict

from configs import dcgan


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = dcgan.get_config(platform)
    config.steps = 5_000
    config.batch_size = 128
    config.latent.name = "categorical"
    config.latent.dim = 74
    config.discriminator.class_logits = 12
    config.terms.mutual_information = 1.0
    config.discriminator_optimizer.learning_rate = 2e-4
    config.generator_optimizer.learning_rate = 1e-3
    return config
