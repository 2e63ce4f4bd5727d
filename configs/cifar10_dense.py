"""The fully connected networks of the paper's CIFAR-10 experiment, with the settings of the authors' code.

    python launch.py --config=configs/cifar10_dense.py --config.dataset.path=TFDS_DIRECTORY --workdir=runs/cifar10_dense

Data: the first 40,000 training images. Generator: 100 normal latents, ReLU 8000, sigmoid 8000, both U(-.05, .05), and
linear 3072, U(-.5, .5). Discriminator: maxout 1600x5, 1600x5, dropout on layer inputs (keep .8, then .5), weights
U(-.005, .005). SGD with rate .025 / 1.000004^t for the generator, and half of it for the discriminator, whose loss has
a factor of 1/2 in the source but not here; momentum .5 in epoch 1 to .7 in epoch 250; batch 100. Contrast is
normalised: each image has its mean subtracted and is scaled to norm 55.

Differences from the source:
- the order of updates: this is Algorithm 1. The source moves both players at once, with one batch and one draw of
  latents and dropout; --config.updates=simultaneous does the same.
- the stop: 250 epochs, when the momentum reaches its last value; the source names none.
- the images: the first 40,000 in the order of tensorflow-datasets, which is random; the source uses the first four of
  CIFAR-10's files.
- the order of the data: a new permutation every epoch; like all draws, it is from a different random generator.

Time: docs/zoo.md, Recipes. No score was measured here.
Source: arXiv:1406.2661 and goodfeli/adversarial (cifar10_fully_connected.yaml).
"""

from ml_collections import ConfigDict

from configs import default


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = default.get_config(platform)
    config.dataset.name = "tfds"
    config.dataset.tfds_name = "cifar10"
    config.dataset.validation_examples = 10_000
    config.dataset.contrast_norm = 55.0
    config.steps = 100_000  # 250 epochs of 400
    config.batch_size = 100
    config.latent.name = "normal"
    config.latent.dim = 100

    config.generator.widths = (8000, 8000)
    config.generator.activation = ("relu", "sigmoid")
    config.generator.output = "linear"
    config.generator.output_bias = "zero"
    config.generator.initializer = ("uniform",)
    config.generator.layer_scales = (0.05, 0.05, 0.5)

    config.discriminator.network = "maxout"
    config.discriminator.widths = (1600, 1600)
    config.discriminator.pieces = 5
    config.discriminator.keep_input = 0.8
    config.discriminator.keep_hidden = 0.5
    config.discriminator.initializer = ("uniform",)
    config.discriminator.initial_scale = 0.005

    for optimizer, share in ((config.generator_optimizer, 1), (config.discriminator_optimizer, 1 / 2)):
        optimizer.name = "sgd"
        optimizer.learning_rate = share * 0.025
        optimizer.rate_schedule = "exponential"
        optimizer.rate_decay = 1.000004
        optimizer.rate_floor = share * 1e-6
        optimizer.momentum = 0.5
        optimizer.momentum_schedule = "linear"
        optimizer.momentum_final = 0.7
        optimizer.momentum_epochs = 250
    return config
