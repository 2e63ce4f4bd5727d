"""The convolutional networks of the paper's CIFAR-10 experiment, with the settings of the authors' code.

    python launch.py --config=configs/cifar10.py --config.dataset.path=TFDS_DIRECTORY --workdir=runs/cifar10

Data: the first 40,000 training images. Generator: 100 normal latents, ReLU 8000, sigmoid 8000 as 10 x 10 x 80,
transposed convolution 5 x 5 of stride 3; weights U(-.05, .05). Discriminator: maxout convolutions 32, 32, 192 and 500
maxout units; weights U(-.005, .005); dropout on layer inputs (keep .8, then .5). SGD with rate .004 / 1.000004^t for
the generator, and half of it for the discriminator, whose loss has a factor of 1/2 in the source but not here; momentum
.5 to .7 in 250 epochs; batch 128. Contrast is normalised: each image has its mean subtracted and is scaled to norm 55.

Differences from the source:
- the order of updates: this is Algorithm 1. The source moves both players at once, with one batch and one draw of
  latents and dropout; --config.updates=simultaneous does the same.
- the last 64 images of an epoch, which do not fill a batch, are left out (different ones in every epoch).
- the stop: 250 epochs, when the momentum reaches its last value; the source names none.
- the images: the first 40,000 in the order of tensorflow-datasets, which is random; the source uses the first four of
  CIFAR-10's files.
- the order of the data: a new permutation every epoch; like all draws, it is from a different random generator.

Time and scores: not run to its end; results/benchmarks/step-*.json has the time per step.
Source: arXiv:1406.2661 and goodfeli/adversarial (cifar10_convolutional.yaml).
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
    config.steps = 78_000  # 250 epochs of 312
    config.batch_size = 128
    config.latent.name = "normal"
    config.latent.dim = 100

    for player, width, scale in ((config.generator, 8000, 0.05), (config.discriminator, 500, 0.005)):
        player.network = "cifar10"
        player.widths = (width,)
        player.initializer = ("uniform",)
        player.initial_scale = scale
    config.generator.output = "linear"
    config.generator.output_bias = "zero"
    config.discriminator.keep_input = 0.8
    config.discriminator.keep_hidden = 0.5

    for optimizer, share in ((config.generator_optimizer, 1), (config.discriminator_optimizer, 1 / 2)):
        optimizer.name = "sgd"
        optimizer.learning_rate = share * 0.004
        optimizer.rate_schedule = "exponential"
        optimizer.rate_decay = 1.000004
        optimizer.rate_floor = share * 1e-6
        optimizer.momentum = 0.5
        optimizer.momentum_schedule = "linear"
        optimizer.momentum_final = 0.7
        optimizer.momentum_epochs = 250
    return config
