"""All conditionals of MNIST by one generator: it completes a digit from any known part.

    python launch.py --config=configs/inpainting_mnist.py --config.dataset.path=DIRECTORY_OF_IDX_FILES \
        --workdir=runs/inpainting
    python launch.py --mode=sample --workdir=runs/inpainting
    python launch.py --mode=evaluate --workdir=runs/inpainting --config.evaluation.metrics=task

Data and latents as in configs/mnist.py. Each example of a batch has its own mask: random pixels, a half, all but the
centre, lines, or nothing; with nothing known, the same network generates whole digits. Players, loss and optimizer are
those of configs/mnist_fast.py: the generator is ReLU 1200-1200 on 100 latents, the known pixels and the mask; the
discriminator is leaky ReLU 1200-1200 on the digit and the mask; relativistic paired loss with R1 and R2; Adam; a moving
average of the generator. For a latent search in the scores, train configs/mnist.py, or this with --config.task=none,
and set --config.evaluation.other_run to its directory.

Time: 12,000 steps are half an hour on one CPU core. Score, of two seeds (results/tasks/inpainting.json): the best of
ten draws has an rmse of .204 where a half is missing and .323 in the centre, its completions an accuracy of .797 and
.663. The ten nearest training digits (results/tasks/baselines.json) are better: the best has .175 and .287, and their
accuracy is .865 and .762.
Source: Goodfellow et al. 2014 (arXiv:1406.2661), section 7, item 3; the players are those of configs/mnist_fast.py.
"""

from ml_collections import ConfigDict

from configs import mnist_fast


def get_config(platform: str = "") -> ConfigDict:
    """The config; `platform` is cpu, gpu, tpu or nothing."""
    config = mnist_fast.get_config(platform)
    config.task = "inpainting"
    return config
