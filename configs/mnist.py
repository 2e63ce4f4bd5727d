"""The MNIST experiment of Goodfellow et al. 2014 (arXiv:1406.2661), with the settings of the authors' code.

    python launch.py --config=configs/mnist.py --config.dataset.path=DIRECTORY_OF_IDX_FILES --workdir=runs/mnist

Data: the first 50,000 training images, in [0, 1]. Generator: 100 uniform latents, ReLU 1200-1200, sigmoid 784, weights
U(-.05, .05), last bias at the logit of the pixel means. Discriminator: maxout 240x5, 240x5, dropout on layer inputs
(keep .8, then .5), weights U(-.005, .005). SGD with rate .1 / 1.000004^t for the generator, and half of it for the
discriminator, whose loss has a factor of 1/2 in the source but not here; momentum .5 in epoch 1 to .7 in epoch 250;
batch 100; k = 1.

Differences from the source:
- the order of updates: this is Algorithm 1. The source moves both players at once, with one batch and one draw of
  latents and dropout; --config.updates=simultaneous does the same.
- the stop: 250 epochs, when the momentum reaches its last value; the source names none.
- the order of the data: a new permutation every epoch; like all draws, it is from a different random generator.

Time: 250 epochs are 125,000 steps. Expected: the paper's Table 1 gives a Parzen-window log-likelihood of 225 +- 2 nats;
this config has not been run to its end here. In 12 of 40 games the samples became nearly equal in the first three
epochs; with simultaneous updates, in 0 of 40. Rounding decides in which games this happens: docs/theory.md, section 4.
Source: arXiv:1406.2661 and goodfeli/adversarial (mnist.yaml).
"""

from ml_collections import ConfigDict

from configs import default


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = default.get_config(platform)
    config.dataset.name = "idx"
    config.loss = "non_saturating"
    config.discriminator_steps = 1
    config.steps = 125_000  # 250 epochs of 500
    config.batch_size = 100
    config.latent.name = "uniform"
    config.latent.dim = 100

    config.generator.widths = (1200, 1200)
    config.generator.activation = ("relu",)
    config.generator.output = "sigmoid"
    config.generator.output_bias = "data"
    config.generator.initializer = ("uniform",)
    config.generator.initial_scale = 0.05

    config.discriminator.network = "maxout"
    config.discriminator.widths = (240, 240)
    config.discriminator.pieces = 5
    config.discriminator.keep_input = 0.8
    config.discriminator.keep_hidden = 0.5
    config.discriminator.initializer = ("uniform",)
    config.discriminator.initial_scale = 0.005

    for optimizer, share in ((config.generator_optimizer, 1), (config.discriminator_optimizer, 1 / 2)):
        optimizer.name = "sgd"
        optimizer.learning_rate = share * 0.1
        optimizer.rate_schedule = "exponential"
        optimizer.rate_decay = 1.000004
        optimizer.rate_floor = share * 1e-6
        optimizer.momentum = 0.5
        optimizer.momentum_schedule = "linear"
        optimizer.momentum_final = 0.7
        optimizer.momentum_epochs = 250

    config.log_every = 100 if platform in ("", "cpu") else 500
    config.sample_every = 500  # every epoch
    config.checkpoint_every = 500
    return config
