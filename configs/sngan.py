"""SNGAN on 32 x 32 images: residual networks, a spectrally normalised discriminator, hinge loss.

    python launch.py --config=configs/sngan.py --config.dataset.path=TFDS_DIRECTORY --workdir=runs/sngan
    python launch.py ... --config.condition=labels

Data: CIFAR-10, all 50,000 training images, dequantised. Generator: 128 normal latents, 4 x 4 x 256, three blocks of 256
with batch normalisation, tanh. Discriminator: four blocks of 128, of which the first two halve the sides, a sum over
pixels, a logit without a bias; one power iteration per call. Adam with betas 0 and .9, its rate linear from 2e-4 to 0
over the 50,000 steps. A step has five discriminator updates on 64 images each, then one generator update on 128
samples. The second command trains the conditional model: the class enters by projection and conditional batch
normalisation, and the classes of generated images are drawn uniformly.
Other sizes: 48 pixels with --config.generator.widths="(512, 256, 128, 64)"
--config.discriminator.widths="(64, 128, 256, 512, 1024)" --config.discriminator.halvings=0; see jaxgan.networks.resnet.

Time: docs/zoo.md, Recipes. No score was measured here.
Source: Miyato et al. 2018 (arXiv:1802.05957), table 4; Miyato and Koyama 2018 (arXiv:1802.05637); the authors' code,
pfnet-research/sngan_projection, sn_cifar10_unconditional.yml and sn_cifar10_conditional.yml.
Differences from the source:
- the order of a step: the five discriminator updates, then the generator's; the source starts with the generator's.
- model state: the generator's batch statistics move only in its own updates, and u of the spectral norm only in the
  discriminator's; in the source both move in every call.
- batch normalisation: 1e-5 is added to the variance, 2e-5 in the source. Running variances divide by n, not n - 1, and
  start at 1 (0 in the source). Conditional scales and biases are initialised by N(1, .02^2) and N(0, .02^2), in the
  source by 1 and 0.
- Adam: eps is added after the bias correction of the second moment, in the source before it.
- the order of the data: two minibatches per step are read for the generator's batch, although the loss does not use
  these images, so an epoch is 111 steps (156 in the source).
"""

from ml_collections import ConfigDict

from configs import default


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = default.get_config(platform)
    config.dataset.name = "tfds"
    config.dataset.tfds_name = "cifar10"
    config.dataset.range = "symmetric"
    config.dataset.validation_examples = 0
    config.dataset.dequantization = True
    config.loss = "hinge"
    config.discriminator_steps = 5
    config.steps = 50_000
    config.batch_size = 64
    config.generator_batches = 2  # 128 samples
    config.generated_labels = "uniform"
    config.latent.name = "normal"
    config.latent.dim = 128

    config.generator.widths = (256, 256, 256, 256)
    config.generator.output = "tanh"
    config.generator.output_bias = "zero"
    config.generator.normalization = "batch"
    config.discriminator.widths = (128, 128, 128, 128)
    config.discriminator.halvings = 2
    config.discriminator.normalization = "spectral"
    config.discriminator.logit_bias = False
    for player in (config.generator, config.discriminator):
        player.network = "resnet"
        player.activation = ("relu",)
        player.initializer = ("glorot_uniform",)
        player.block_scale = 2.0
    every = config.steps * config.discriminator_steps * config.batch_size
    rates = "generator_optimizer.learning_rate & discriminator_optimizer.learning_rate"
    config.schedules = f"{rates}=linear(0, {every})"
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 2e-4
        optimizer.b1 = 0.0
        optimizer.b2 = 0.9
    return config
