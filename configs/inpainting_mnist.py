"""All conditionals of MNIST by one generator: whatever part of a digit is known, it draws the rest.

    python launch.py --config=configs/inpainting_mnist.py --config.dataset.path=DIRECTORY_OF_IDX_FILES \
        --workdir=runs/inpainting
    python launch.py --mode=sample --workdir=runs/inpainting
    python launch.py --mode=evaluate --workdir=runs/inpainting --config.evaluation.metrics=task

Data and latents as in configs/mnist.py. Each example of a batch has a mask of its own: random pixels, a half, all but
the centre, lines, or nothing, which makes the same network a generator of whole digits. Generator: of 100 latents, the
known pixels and the mask, ReLU 1024-1024, sigmoid 784. Discriminator: of the digit and the mask, maxout 240x4, 240x4,
dropout. SGD at .1 with momentum .5, batch 100, a moving average of the generator. For a latent search in the scores,
train configs/mnist.py, or this with --config.task=none, and name its directory as --config.evaluation.other_run.

Time and score: not measured here; 20,000 steps are meant for half an hour at most on two CPU cores.
Source: Goodfellow et al. 2014 (arXiv:1406.2661), section 7, item 3; networks and optimizer after its MNIST experiment.
"""

from ml_collections import ConfigDict

from configs import default


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = default.get_config(platform)
    config.task = "inpainting"
    config.dataset.name = "idx"
    config.steps = 20_000
    config.batch_size = 100
    config.average_decay = 0.999
    config.latent.dim = 100

    config.generator.widths = (1024, 1024)
    config.generator.initializer = "uniform"
    config.generator.initial_scale = 0.05

    config.discriminator.network = "maxout"
    config.discriminator.widths = (240, 240)
    config.discriminator.pieces = 4
    config.discriminator.keep_input = 0.8
    config.discriminator.keep_hidden = 0.5
    config.discriminator.initializer = "uniform"
    config.discriminator.initial_scale = 0.005

    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.name = "sgd"
        optimizer.learning_rate = 0.1
        optimizer.momentum = 0.5
        optimizer.clip_norm = 5.0  # this only keeps a bad step from ending the run

    config.sample_every = 1_000
    config.checkpoint_every = 2_500
    return config
