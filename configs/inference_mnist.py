"""Learned inference on permutation-invariant MNIST: an encoder beside the game, whose error also trains the generator.

    python launch.py --config=configs/inference_mnist.py --config.dataset.path=DIRECTORY_OF_IDX_FILES --workdir=runs/z
    python launch.py --mode=sample --workdir=runs/z --count=80
    python launch.py --mode=evaluate --workdir=runs/z --config.evaluation.metrics=task \
        --config.evaluation.features=raw

From tensorflow-datasets: --config.dataset.name=tfds --config.dataset.path=TFDS_DIRECTORY. Data: all 60,000 training
images, in [0, 1]. Latents lie on the sphere in 200 dimensions, and so do the encoder's codes. Generator: ReLU 1024-1024
with batch norm, sigmoid 784. Discriminator: leaky ReLU 1024-1024. Encoder: leaky ReLU 2048, linear 200; it sees samples
with noise of up to .6 and up to .9 of their pixels masked, and .01 of its error's gradient passes to the generator.
Relativistic paired loss with R1 and R2, gamma .1; Adam at 2e-4 with betas 0 and .99; batch 128; a moving average of
generator and encoder, .999.

Time: 14 minutes on one CPU core. Score, of three seeds (results/tasks/inference.json): 1-NN accuracy .9765 (.9759 to
.9771) by its encoder, .9764 (.9762 to .9766) by a regressor fitted to its generator afterwards; pixels have .9691, and
40 principal components .9735 (results/tasks/baselines.json). The encoder does not infer z itself: it misses z
by 1.103, a blind guess by .999. Donahue et al. report 97.13 %, and 97.39 % for a BiGAN. Latents of varying norm
reconstruct better, at a slightly lower accuracy: --config.latent.name=uniform_unit
--config.inference.generator_weight=.1 (results/tasks/inference_uniform.json).

Source: the joint latent regressor of arXiv:1605.09782, section 4.1, with the loss and the penalties of Huang et al.
2024 (arXiv:2501.05441). The source uses latents U(-1, 1)^50, uncorrupted samples, and 400 epochs.
"""

from ml_collections import ConfigDict

from configs import bigan_mnist


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = bigan_mnist.get_config(platform)
    config.latent.name = "sphere"

    config.inference.method = "joint_regressor"
    config.inference.widths = (2048,)
    config.inference.normalization = "none"
    config.inference.generator_weight = 0.01
    return config
