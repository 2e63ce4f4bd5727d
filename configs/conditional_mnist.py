"""Conditional MNIST: digits of a requested class, p(x|c) of the paper's section 7.

    python launch.py --config=configs/conditional_mnist.py --config.dataset.path=DIRECTORY_OF_IDX_FILES \\
        --workdir=runs/conditional_mnist
    python launch.py --mode=evaluate --workdir=runs/conditional_mnist
    python launch.py --mode=sample --workdir=runs/conditional_mnist --condition=3,8 --count=40

From tensorflow-datasets: --config.dataset.name=tfds --config.dataset.path=TFDS_DIRECTORY.
Data: the first 50,000 training images, in [0, 1], with their labels. The generator is the paper's; the class sets the
scales and biases of its hidden units. The discriminator is leaky ReLU 1200-1200; the class is projected on its last
layer. Relativistic paired loss with R1 and R2, gamma .1; Adam at 2e-4 with betas 0 and .99, batch 100, moving average
of the generator .999. 12,000 steps are 24 epochs. Pictures have a row per class.

Time: 24 to 36 minutes on one CPU core. Score, of two seeds (results/tasks/conditional.json): label_accuracy .9833
(real digits: .9927), within_class_diversity .996 (.995), parzen_paper 225.6 nats (242.5); the first conditional GAN has
132 (arXiv:1411.1784).
Source: Goodfellow et al. 2014 (arXiv:1406.2661), section 7; the loss of Huang et al. 2024 (arXiv:2501.05441); the
projection of Miyato and Koyama 2018 (arXiv:1802.05637).
"""

from ml_collections import ConfigDict

from configs import mnist_fast


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = mnist_fast.get_config(platform)
    config.condition = "labels"
    config.generator.conditioning = "normalization"
    config.discriminator.conditioning = "projection"
    return config
