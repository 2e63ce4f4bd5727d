"""GAT-S on ImageNet at 256 pixels: transformers in an autoencoder's latents, guided by noisy pictures of four levels.

    python launch.py --config=configs/gat.py --config.dataset.path=LATENTS.npz --workdir=runs/gat

Data: the latents of a Stable-Diffusion autoencoder (stabilityai/sd-vae-ft-mse) of the 1,281,167 images, times .18215,
in an .npz that you make: `examples` float32 [n, 32, 32, 4] and `labels` int [n] of the 1,000 classes. Samples are such
latents too. Pictures in the run's directory show their first three channels; the autoencoder makes images of them.
Both players are transformers of width 384, 12 blocks, 6 heads and patches of 2 x 2; 64 normal latents, 64 dimensions of
the class, and 2,048 of it in the discriminator. Relativistic paired loss with R1 and R2 of gamma .1 by finite
differences of deviation .01; DiffAugment and a flip of 4 images in 10; AdamW with betas 0 and .99, norms of gradients
clipped at 1, rate 2e-4 * 768/width; batch 512; average .999; 400,000 steps. For the sizes B, L and XL set width, depth
and heads of both players as in `VIT_SIZES` of jaxgan.networks, and their rates to 2e-4, 1.5e-4 and 1.33e-4.

Not trained yet: no score, time or memory was measured here. The step is lowered for CUDA and TPU in a test only.
The source's score for the size XL in 60 epochs is a FID of 2.18, with what is left out here.
Source: Hyun et al. 2025 (arXiv:2509.24935), and the authors' code, hse1032/GAT, scripts/train_256_B2.sh.
Differs from the source in
- the features of DINOv2 that its discriminator also predicts (weight 1): they are left out.
- the latents: one for each image; the source draws one from the autoencoder's distribution whenever it reads an image.
- sampling: without truncation by the mean style of the class, and without its guidance.
- augmentation: saturation and contrast keep the mean of each level's own picture, where the source takes that of the
  last one for all. The flip is resampled, as ADA's.
- the penalties: they have a forward pass of their own for both of their points, with an augmentation and a noise of
  their own, the same for the i-th image of the data and of the samples. The source shares those of the loss.
- precision: the last layer of the discriminator and the attention's norms are float32, and learnt scales are rounded to
  bfloat16 where they are used. In the source it is the other way round, and its norms of queries and keys add
  bfloat16's epsilon, .0078, to the mean square; here it is 1e-6.
- the generator's embedding of an image, which the source multiplies by 0: it is left out.
"""

from ml_collections import ConfigDict

from configs import default


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = default.get_config(platform)
    config.dataset.name = "npz"
    config.dataset.range = "symmetric"
    config.dataset.validation_examples = 0
    config.condition = "labels"
    config.precision = "bfloat16"
    config.augmentation.names = ("color", "translation", "cutout", "flip")
    config.augmentation.multipliers = (0.5, 1.0, 1.0, 0.8)  # `flip` flips half of the time: .4 of all
    config.augmentation.scaled = False
    config.guidance.levels = 4
    config.loss = "relativistic_paired"
    config.penalties.r1_r2 = 0.1
    config.penalties.r1_r2_deviation = 0.01
    config.steps = 400_000
    config.batch_size = 512
    config.accumulation_steps = 64 if platform == "cpu" else 1  # parts of 8, for a CPU's memory; equal up to rounding
    config.average_decay = 0.999
    config.latent.name = "normal"
    config.latent.dim = 64

    config.generator.output = "linear"
    config.generator.output_bias = "zero"
    for player, optimizer in (
        (config.generator, config.generator_optimizer),
        (config.discriminator, config.discriminator_optimizer),
    ):
        player.network = "vit"
        player.update({"width": 384, "depth": 12, "heads": 6, "patch": 2})
        player.remat = True
        optimizer.name = "adamw"
        optimizer.learning_rate = 2e-4 * 768 / player.width
        optimizer.b1 = 0.0
        optimizer.b2 = 0.99
        optimizer.clip_norm = 1.0
    config.checkpoint_every = 10_000
    config.sample_every = 10_000
    return config
