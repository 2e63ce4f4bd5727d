"""Semi-supervised MNIST: the discriminator of a GAN on all digits learns to classify from 100 labels.

    python launch.py --config=configs/semi_supervised_mnist.py --config.dataset.path=DIRECTORY_OF_IDX_FILES \
        --workdir=runs/semi_supervised
    python launch.py --mode=evaluate --workdir=runs/semi_supervised --config.evaluation.metrics=task

--config.semi_supervised.seed sets which digits have labels, --config.semi_supervised.labelled how many. To compare with
training on the labels only, set --config.semi_supervised.unsupervised=0. Discriminator: 784-1000-500-250-250-250,
weight norm initialised from data, Gaussian noise of deviation .3 on pixels and .5 on hidden units, ten class logits.
Generator: 100 latents, softplus 500-500 with batch norm, sigmoid 784, feature matching. Adam at .003, b1 .5, falling to
0 as a cosine; batch 100; a moving average of the discriminator with decay .999. The source has 180,000 steps instead of
40,000, a constant rate, and an average of .9999. Latents are U(-1, 1), not U(0, 1); the first batch norm removes this
difference. Unlike in the source, the generator's last layer has no weight norm, its batch norm also learns a scale, and
a labelled example may occur twice in a minibatch.

Time: 50 minutes on one CPU core. Score: 129 and 141 errors of 10,000, for two seeds, which also choose the labelled
examples (results/tasks/semi_supervised.json). Published, after 300 epochs: 93 +- 6.5.
Source: Salimans et al. 2016 (arXiv:1606.03498), sections 3.1, 5 and 6.1, and the authors' code.
"""

from ml_collections import ConfigDict

from configs import default


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = default.get_config(platform)
    config.task = "semi_supervised"
    config.dataset.name = "idx"
    config.dataset.validation_examples = 0  # 60,000 digits: 600 steps are an epoch
    config.steps = 40_000  # 67 epochs
    config.batch_size = 100
    config.semi_supervised.labelled = 100
    config.semi_supervised.average_decay = 0.999

    config.terms.feature_matching = 1.0
    config.terms.adversarial = 0.0

    config.latent.name = "uniform_unit"
    config.latent.dim = 100
    config.generator.widths = (500, 500)
    config.generator.activation = ("softplus",)
    config.generator.normalization = "batch"

    config.discriminator.widths = (1000, 500, 250, 250, 250)
    config.discriminator.activation = ("relu",)
    config.discriminator.normalization = "weight_from_data"
    config.discriminator.initializer = ("normal",)
    config.discriminator.initial_scale = 0.1
    config.discriminator.noise_input = 0.3
    config.discriminator.noise_hidden = 0.5
    config.discriminator.features = True
    config.discriminator.class_logits = 10

    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 3e-3
        optimizer.b1 = 0.5
        optimizer.rate_schedule = "cosine"

    config.log_every = 1_000
    config.sample_every = 10_000
    config.checkpoint_every = 5_000
    return config
