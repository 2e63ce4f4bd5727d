"""GAT's game, small, on the pixel-art avatars of `configs/avatars.py`: both players are transformers over pixels.

    python launch.py --config=configs/gat_avatars.py --workdir=runs/gat_avatars
    python launch.py --mode=sample --workdir=runs/gat_avatars --condition=0,3 --count=40

Data: 20,000 avatars of 32 x 32 pixels in colour that come with jaxgan, with four classes: happy long (0), happy short
(1), sad long (2), sad short (3). Width 64, 4 blocks, 4 heads, patches of 4 x 4 pixels, so 64 tokens; a picture after
every block of the generator, and the discriminator sees all four under noise. Batch 16. R1 and R2 are in every fourth
step, four times as much. All else is as in `configs/gat.py`: the relativistic paired loss with R1 and R2 of gamma .1 by
finite differences, AdamW with betas 0 and .99, rate 2e-4 * 768/width, gradients clipped at 1, average .999.

Not trained yet: no score was measured here.
Source: Hyun et al. 2025 (arXiv:2509.24935), and the authors' code, hse1032/GAT.
Differs from the source in the data, the sizes, the batch, the dimensions of the class in the discriminator (256), the
interval of the penalties, the precision (float32) and the augmentation, which flips nothing; and in what
`configs/gat.py` names.
"""

from ml_collections import ConfigDict

from configs import gat


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = gat.get_config(platform)
    config.dataset.name = "avatars"
    config.dataset.label = "mouth,hair"
    config.dataset.validation_examples = -1
    config.precision = "float32"
    config.augmentation.names = ("color", "translation", "cutout")
    config.augmentation.multipliers = (0.5, 1.0, 1.0)
    config.augmentation.scaled = True
    config.penalties.interval = 4
    config.steps = 10_000  # 10 epochs of 1,000
    config.batch_size = 16
    config.accumulation_steps = 1
    for player, optimizer in (
        (config.generator, config.generator_optimizer),
        (config.discriminator, config.discriminator_optimizer),
    ):
        player.update({"width": 64, "depth": 4, "heads": 4, "patch": 4, "remat": False})
        optimizer.learning_rate = 2e-4 * 768 / player.width
    config.discriminator.embedding = 256
    config.checkpoint_every = 500
    config.sample_every = 500
    return config
