"""The convolutional pair of the paper's CIFAR-10 experiment, with the settings of the authors' code.

    python launch.py --config=configs/cifar10.py --config.dataset.path=TFDS_DIRECTORY --workdir=runs/cifar10

Data: the first 40,000 training images. Generator: 100 normal latents, ReLU 8000, sigmoid 8000 as 10 x 10 x 80,
transposed convolution 5 x 5 of stride 3; weights U(-.05, .05). Discriminator: maxout convolutions 32, 32, 192 and 500
maxout units; weights U(-.005, .005); dropout on layer inputs (keep .8, then .5). SGD at .004 / 1.000004^t; momentum .5
to .7 in 250 epochs; batch 128. The authors normalise the images' contrast first; here bytes become [-1, 1], and a
dataset of floats that are normalised already is used as it is.

Time and scores: not run to its end; results/benchmarks/step.json has the time of a step.
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
    config.dataset.range = "symmetric"
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

    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.name = "sgd"
        optimizer.learning_rate = 0.004
        optimizer.rate_schedule = "exponential"
        optimizer.rate_decay = 1.000004
        optimizer.rate_floor = 1e-6
        optimizer.momentum = 0.5
        optimizer.momentum_schedule = "linear"
        optimizer.momentum_final = 0.7
        optimizer.momentum_epochs = 250
    return config
