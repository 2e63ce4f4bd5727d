"""Learned inference on permutation-invariant MNIST by a BiGAN: an encoder and a generator that invert each other.

    python launch.py --config=configs/bigan_mnist.py --config.dataset.path=DIRECTORY_OF_IDX_FILES --workdir=runs/bigan
    python launch.py --mode=sample --workdir=runs/bigan --count=80
    python launch.py --mode=evaluate --workdir=runs/bigan --config.evaluation.metrics=task

With --config.dataset.name=tfds the data is downloaded. Data: the first 50,000 training images, in [0, 1]. Latents
U(-1, 1)^50. Generator: ReLU 1024-1024, sigmoid 784. Encoder: leaky ReLU 1024-1024, linear 50. Discriminator, of 784
pixels and 50 latents: leaky ReLU 1024-1024. Batch norm in the first two. Adam at 2e-4, b1 .5, falling to 2e-6 all the
way; batch 128. The other two methods, by the same networks: --config.inference.method=joint_regressor, and regressor.

Time: 50 minutes on one CPU core (64 epochs). Score, of one seed (results/tasks/bigan.json): 1-NN accuracy .913, and
.935 by a regressor fitted to its generator; pixels have .967. Donahue et al. report 97.4 % after 400 epochs, of which
their rate falls in the last 200.
Source: arXiv:1605.09782, section 4.1, and its authors' code (jeffdonahue/bigan, train_mnist.sh), in which the
discriminator has batch norm, too, and weights decay.
"""

from ml_collections import ConfigDict

from configs import default


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = default.get_config(platform)
    config.task = "inference"
    config.dataset.name = "idx"
    config.steps = 25_000
    config.batch_size = 128
    config.latent.name = "uniform_unit"
    config.latent.dim = 50

    config.inference.method = "bigan"
    config.inference.widths = (1024, 1024)
    config.inference.normalization = "batch"

    config.generator.widths = (1024, 1024)
    config.generator.normalization = "batch"

    config.discriminator.widths = (1024, 1024)

    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 2e-4
        optimizer.rate_schedule = "exponential"
        optimizer.rate_decay = 1.000184  # a hundredth after 25,000 steps
        optimizer.rate_floor = 2e-6

    config.log_every = 500
    config.sample_every = 2_000
    config.sample_count = 80
    config.checkpoint_every = 2_500
    return config
