"""The networks of configs/demo1.py with Adam's defaults: 1e-3, beta1 .9; batch 128; one update of each per step.

    python launch.py --config=configs/demo2.py --workdir=runs/demo2

Time: docs/zoo.md, Recipes. No score was measured here.
Source: the settings of a public TensorFlow demonstration.
"""

from ml_collections import ConfigDict

from configs import demo1


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = demo1.get_config(platform)
    config.generator_steps = 1
    config.steps = 20_000
    config.batch_size = 128
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 1e-3
        optimizer.b1 = 0.9
    return config
