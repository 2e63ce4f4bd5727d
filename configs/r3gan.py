"""R3GAN on CIFAR-10: residual blocks without normalisation, the relativistic paired loss with R1 and R2.

    python launch.py --config=configs/r3gan.py --config.dataset.path=TFDS_DIRECTORY --workdir=runs/r3gan

Data: CIFAR-10, all 50,000 training images and their mirror images, with their classes. Four widths of 768 channels (4
to 32 pixels), two blocks each, 3 x 3 kernels in 96 groups of 16. The generator has 64 normal latents and embeds the
class in 64 dimensions; the discriminator embeds it in 768. Batch 512; each generator update has 512 images of its own.
Adam with beta1 0. These change by half a cosine over the first 20 M images, and then stay constant: gamma of both
penalties .05 to .005, the rates 2e-4 to 5e-5, beta2 .9 to .99, the half-life of the average 0 to 5 M images, the
probability of the ADA pipe 0 to .55 (colours at half of it). The run is 100,000 steps, 51.2 M images.
Other data of the source: FFHQ-64 has widths (768, 768, 768, 768, 384), batch 256, no condition, gamma 2 to .2,
half-life to .5 M, augmentation to .3, in 100 M images. ImageNet-32 and 64 have 1536 channels in groups of 32
(group_size), gamma .5 to .05 and 1 to .1, half-life to 50 M, augmentation to .5 and .4, all over the first 200 M of
1,000 M images, batch 4096. Each doubling of the sides needs one more width.

Time and memory: docs/zoo.md, Recipes. No score was measured here.
Source: Huang et al. 2024 (arXiv:2501.05441), sections 2.3 and 3, and table 9 in appendix D; the authors' code,
brownvc/R3GAN, preset CIFAR10 with --cond=1 --mirror=1 --aug=1.
Differences from the source:
- precision: float32, in which an accelerator may round products more (jax_default_matmul_precision); the source uses
  bfloat16 except in the 4 x 4 stages (--config.precision=bfloat16 uses it in all).
- draws: the penalties have their own augmentation and forward pass, with the same draw for the i-th image of the data
  and of the samples; in the source they share those of the loss.
- the order of the data: a permutation of all images per epoch; the source shuffles within a window.
- the length of the run: the paper's has 250 M images, 488,000 steps; the code trains until it is stopped.
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
    config.dataset.mirror = True
    config.condition = "labels"
    config.augmentation.names = ("ada_blit", "ada_geometric", "ada_color", "ada_cutout")
    config.augmentation.multipliers = (1.0, 1.0, 0.5, 1.0)
    config.augmentation.probability = 0.0
    config.loss = "relativistic_paired"
    config.penalties.r1_r2 = 0.05
    config.steps = 100_000
    config.batch_size = 512
    config.accumulation_steps = 64 if platform == "cpu" else 1  # parts of 8, for a CPU's memory; equal up to rounding
    config.generator_batches = 1
    config.latent.name = "normal"
    config.latent.dim = 64

    config.generator.output = "linear"
    config.generator.output_bias = "zero"
    for player in (config.generator, config.discriminator):
        player.network = "r3gan"
        player.widths = (768, 768, 768, 768)
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 2e-4
        optimizer.b1 = 0.0
        optimizer.b2 = 0.9
    last = {
        "augmentation.probability": 0.55,
        "penalties.r1_r2": 0.005,
        "generator_optimizer.learning_rate & discriminator_optimizer.learning_rate": 5e-5,
        "generator_optimizer.b2 & discriminator_optimizer.b2": 0.99,
        "average_half_life": 5e6,  # from 0: initially no average
    }
    config.schedules = "; ".join(f"{fields}=cosine({value:g}, 2e7)" for fields, value in last.items())
    return config
