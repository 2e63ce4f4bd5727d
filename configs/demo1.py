"""The smallest GAN of many tutorials: both networks have one hidden layer of 128, on 28 x 28 digits in [0, 1].

    python launch.py --config=configs/demo1.py --workdir=runs/demo1

Generator: 100 latents from U(-1, 1), ReLU 128, sigmoid 784. Discriminator: ReLU 128, a logit. Non-saturating loss, Adam
at 2.5e-4 with beta1 .5, batch 100, 50,000 generator updates; one discriminator update for every two of them.
All of MNIST: --config.dataset.name=idx --config.dataset.path=DIRECTORY_OF_IDX_FILES

Time: docs/zoo.md, Recipes. No score was measured here.
Source: the settings of a public TensorFlow demonstration, with its layers' default initialisation. The ratio 2 : 1 is
realised by steps of one discriminator and two generator updates.
"""

from ml_collections import ConfigDict

from configs import default


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = default.get_config(platform)
    config.dataset.name = "digits"
    config.loss = "non_saturating"
    config.discriminator_steps = 1
    config.generator_steps = 2
    config.steps = 25_000
    config.batch_size = 100
    config.latent.name = "uniform_unit"
    config.latent.dim = 100

    config.generator.output = "sigmoid"
    config.generator.output_bias = "zero"
    for player in (config.generator, config.discriminator):
        player.widths = (128,)
        player.activation = ("relu",)
        player.initializer = ("glorot_uniform",)
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 2.5e-4
        optimizer.b1 = 0.5
    return config
