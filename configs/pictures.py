"""Pictures of your own, 32 x 32 in colour, in about ten minutes on two cores.

    jaxgan train pictures --workdir=runs/mine --config.dataset.path=FOLDER_OR_ZIP
    jaxgan export runs/mine

Data: a folder or a zip file of pictures (docs/pictures.md); some thousands of one kind, such as faces or icons, are
best. A square is cut out of each and made 32 x 32 pixels. The networks, loss and optimizers are those of
configs/avatars.py, without classes; shifted, recoloured and partly hidden copies keep the discriminator from learning
the pictures by heart (arXiv:2006.10738).
Time: 8 min 44 s on two cores of an AMD EPYC, with 9,639 emoji. They are of many kinds: the samples have their shapes
and colours, and few can be named. No score was measured.
With folders as classes: --config.condition=labels.
Larger pictures: --config.dataset.size=64 --config.generator.widths=128,96,48,32
--config.discriminator.widths=32,64,128,128, which takes some four times as long.
"""

from ml_collections import ConfigDict

from configs import avatars


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = avatars.get_config(platform)
    config.dataset.name = "images"
    config.dataset.size = 32
    config.dataset.label = ""
    config.condition = "none"
    config.generator.conditioning = "auto"
    config.discriminator.conditioning = "auto"
    config.augmentation.names = ("color", "translation", "cutout")
    config.steps = 5_000
    return config
