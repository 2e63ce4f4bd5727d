"""CycleGAN on the avatars: colours from greys without pairs, by two generators and two discriminators.

    python launch.py --config=configs/cyclegan.py --workdir=runs/cyclegan
    python launch.py --mode=evaluate --workdir=runs/cyclegan --config.evaluation.metrics=task

Data: 20,000 avatars of 32 x 32 pixels that come with jaxgan, and the luminances of other avatars. G colours a grey
picture, F makes a colour one grey; each has a discriminator of its own domain. Least squares, and 5 times the errors of
both cycles; Adam with rate 2e-4 and betas .5 and .999; batches of 16. The test knows the colours of each grey picture.

Time and score: 20 minutes on one core of an AMD EPYC that others used. Two seeds: rmse_mean .110 and Fréchet
distance 1.9 (docs/translation.md).
Source: Zhu et al. 2017 (arXiv:1703.10593). Deviations: U-Nets and discriminators of 32 pixels, as in configs/pix2pix.py
(residual networks and 256 pixels); no term of identities, since greys have one channel; no buffer of earlier samples;
batches of 16 and not 1; a constant rate; G also takes a latent vector; the adversarial loss is the mean over both
domains, so 5 here is 10 there.
"""

from ml_collections import ConfigDict

from configs import pix2pix


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = pix2pix.get_config(platform)
    config.loss = "least_squares"
    config.terms.l1 = 0.0
    config.translation.view = "grey"
    config.translation.cycle = 5.0
    config.translation.cycle_widths = (32, 64, 128)
    config.generator_batches = 1
    config.generator.normalization = "instance"
    config.discriminator.normalization = "instance"
    return config
