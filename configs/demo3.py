"""A small DCGAN as in tutorials, on 28 x 28 digits: the generator upsamples by copying pixels.

    python launch.py --config=configs/demo3.py --workdir=runs/demo3

Generator: 128 normal latents, a linear layer to 7 x 7, twice a 2 x 2 copy of pixels and a convolution, with batch norm
and ReLU between them, tanh. Discriminator: strided convolutions, leaky ReLU, no batch norm. Non-saturating loss, Adam;
two discriminator updates for each generator update.
All of MNIST: --config.dataset.name=idx --config.dataset.path=DIRECTORY_OF_IDX_FILES

Differences from the source:
- widths, kernels, initialisation, learning rates, batch size, steps and the data range, which are those of
  configs/dcgan.py;
- the discriminator's second update, which here has its own minibatch.

Time and score: not run here.
Source: the third game of a public TensorFlow demonstration; the others are configs/demo1.py and configs/demo2.py.
"""

from ml_collections import ConfigDict

from configs import dcgan


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = dcgan.get_config(platform)
    config.discriminator_steps = 2
    config.latent.name = "normal"
    config.latent.dim = 128
    config.generator.upsampling = "nearest"
    config.discriminator.normalization = "none"
    return config
