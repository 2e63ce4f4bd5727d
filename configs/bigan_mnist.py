"""Learned inference on permutation-invariant MNIST by a BiGAN: an encoder and a generator that invert each other.

    python launch.py --config=configs/bigan_mnist.py --config.dataset.path=DIRECTORY_OF_IDX_FILES --workdir=runs/bigan
    python launch.py --mode=sample --workdir=runs/bigan --count=80
    python launch.py --mode=evaluate --workdir=runs/bigan --config.evaluation.metrics=task

From tensorflow-datasets: --config.dataset.name=tfds --config.dataset.path=TFDS_DIRECTORY. Data: all 60,000 training
images, in [0, 1]. Latents U(-1, 1)^200. Generator: ReLU 1024-1024, sigmoid 784. Encoder: leaky ReLU 1024-1024, linear
200. Discriminator, of 784 pixels and 200 latents: leaky ReLU 1024-1024. Batch norm in the first two. Relativistic
paired loss with R1 and R2 of pairs, gamma .1; Adam at 2e-4 with betas 0 and .99; batch 128; a moving average of
generator and encoder, .999. Evaluations fit a regressor, leaky ReLU 2048, to samples with noise of up to .6 and up to
.9 of their pixels masked. For the other two methods, with the same networks, set
--config.inference.method=joint_regressor or regressor.

Time: 15 minutes on one CPU core. Score, of three seeds (results/tasks/bigan.json): 1-NN accuracy .9731 (.9721 to
.9739) by a regressor fitted to its generator, .9534 (.9522 to .9544) by its own encoder; pixels have .9691, and 40
principal components .9735 (results/tasks/baselines.json). Donahue et al. report 97.39 % and, for a latent regressor,
97.44 %. configs/inference_mnist.py has better codes.
Source: arXiv:1605.09782, section 4.1, with the loss and the penalties of Huang et al. 2024 (arXiv:2501.05441). The
source uses 50 latents, players that descend the cross-entropy, and 400 epochs.
"""

from ml_collections import ConfigDict

from configs import default


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = default.get_config(platform)
    config.task = "inference"
    config.dataset.name = "idx"
    config.dataset.validation_examples = 0
    config.steps = 6_000  # 13 epochs
    config.batch_size = 128
    config.loss = "relativistic_paired"
    config.penalties.r1_r2 = 0.1
    config.average_decay = 0.999
    config.latent.name = "uniform_unit"
    config.latent.dim = 200

    config.inference.method = "bigan"
    config.inference.widths = (1024, 1024)
    config.inference.normalization = "batch"
    config.inference.noise = 0.6
    config.inference.masking = 0.9
    config.inference.fit_widths = (2048,)
    config.inference.fit_steps = 3_000

    config.generator.widths = (1024, 1024)
    config.generator.normalization = "batch"

    config.discriminator.widths = (1024, 1024)

    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 2e-4
        optimizer.b1 = 0.0
        optimizer.b2 = 0.99

    config.log_every = 500
    config.sample_every = 2_000
    config.sample_count = 80
    config.checkpoint_every = 1_000
    return config
