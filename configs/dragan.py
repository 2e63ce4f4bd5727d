"""DRAGAN: the norm of the discriminator's gradient is held at 1 near the data only.

    python launch.py --config=configs/dragan.py --workdir=runs/dragan

DCGAN networks on 5,000 digits (extra `demo`), no normalisation in the discriminator, lambda = 10. The noise around the
data is that of the authors' code: uniform, up to half a standard deviation of the batch. For the paper's noise,
N(0, c I), set --config.penalties.dragan_noise=normal --config.penalties.dragan_spread=C (10 in the paper).
Time, and published scores: docs/zoo.md, Recipes; no score was measured here.
Source: Kodali et al. 2017 (arXiv:1705.07215), section 2; the authors' code, kodalinaveen3/DRAGAN.
Differences from the code:
- networks: those of configs/dcgan.py, with initial weights N(0, .02^2); the code uses perceptrons with one layer of 128
  ReLU units, a sigmoid output, and initial weights N(0, 2/inputs).
- data: 5,000 digits in [-1, 1]; the code uses MNIST in [0, 1].
- optimizer: Adam at 2e-4 with betas .5 and .999, batch 64; the code uses 1e-4, .5 and .9, batch 128.
- length: 10,000 steps; the code runs 200,000.
"""

from ml_collections import ConfigDict

from configs import dcgan


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = dcgan.get_config(platform)
    config.penalties.dragan = 10.0
    config.discriminator.normalization = "none"
    return config
