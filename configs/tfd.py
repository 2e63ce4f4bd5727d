"""The TFD experiment of Goodfellow et al. 2014 (arXiv:1406.2661), as in the authors' code, in two stages.

    python launch.py --config=configs/tfd.py --config.dataset.path=FACES.npz --workdir=runs/tfd

Data: 48 x 48 faces, in an .npz with x_train [n, 48, 48] (unlabelled faces), x_validation and x_test (labelled faces),
all uint8. Without the latter two, parts of x_train are held out. Generator: 100 normal latents, ReLU 8000, sigmoid 8000
with initial biases -2, both U(-.05, .05), sigmoid 2304 with 100 weights from N(0, 1) per pixel and its bias at the
logit of the pixel's mean. Discriminator: maxout 1200x5, 1200x5, dropout on layer inputs (keep .8, then .5), weights
U(-.005, .005). The norm of the incoming weights of each unit (for maxout, each piece) is at most 1.9365 in both
players; the generator's last layer starts at about 10 and is clipped at its first update. SGD with rate .05 /
1.000004^t for the generator, and half of it for the discriminator, whose loss has a factor of 1/2 in the source but not
here; momentum .5 in epoch 1 to .7 in epoch 250; batch 100.

Differences from the source:
- the order of updates: this is Algorithm 1. The source moves both players at once, with one batch and one draw of
  latents and dropout; --config.updates=simultaneous does the same.
- the number of steps, which is that for 98,000 unlabelled faces.
- the order of the data: a new permutation every epoch; like all draws, it is from a different random generator.

Second stage, 22 epochs with a new discriminator, and with ReLU 8000 and sigmoid 100 in front of the generator trained
in the first stage:

    python launch.py --config=configs/tfd.py --config.dataset.path=FACES.npz --workdir=runs/tfd_second \
      --config.start.run=runs/tfd --config.start.generator=last --config.start.discriminator=none --config.steps=21560 \
      --config.generator.widths="(8000, 100, 8000, 8000)" --config.generator.activation=relu,sigmoid,relu,sigmoid \
      --config.generator.initializer=uniform,uniform,uniform,uniform,sparse \
      --config.generator.layer_scales=.05,.05,.05,.05,100 --config.generator.layer_biases=0,-2,0,-2

Time: docs/zoo.md, Recipes. Expected: not run here; the paper's Table 1 gives 2057 +- 26 nats.
Source: arXiv:1406.2661 and goodfeli/adversarial (tfd_pretrain/pretrain.yaml, train.yaml).
"""

from ml_collections import ConfigDict

from configs import default


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = default.get_config(platform)
    config.dataset.name = "npz"
    config.steps = 49_000  # 50 epochs of about 98,000 faces
    config.batch_size = 100
    config.latent.name = "normal"
    config.latent.dim = 100

    config.generator.widths = (8000, 8000)
    config.generator.activation = ("relu", "sigmoid")
    config.generator.output = "sigmoid"
    config.generator.output_bias = "data"
    config.generator.initializer = ("uniform", "uniform", "sparse")
    config.generator.layer_scales = (0.05, 0.05, 100)
    config.generator.layer_biases = (0, -2)

    config.discriminator.network = "maxout"
    config.discriminator.widths = (1200, 1200)
    config.discriminator.pieces = 5
    config.discriminator.keep_input = 0.8
    config.discriminator.keep_hidden = 0.5
    config.discriminator.initializer = ("uniform",)
    config.discriminator.initial_scale = 0.005
    for optimizer, share in ((config.generator_optimizer, 1), (config.discriminator_optimizer, 1 / 2)):
        optimizer.name = "sgd"
        optimizer.learning_rate = share * 0.05
        optimizer.rate_schedule = "exponential"
        optimizer.rate_decay = 1.000004
        optimizer.rate_floor = share * 1e-6
        optimizer.momentum = 0.5
        optimizer.momentum_schedule = "linear"
        optimizer.momentum_final = 0.7
        optimizer.momentum_epochs = 250
        optimizer.max_column_norm = 1.9365
    return config
