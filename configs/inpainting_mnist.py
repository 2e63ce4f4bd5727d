"""All conditionals of MNIST by one generator: whatever part of a digit is known, it draws the rest.

    python launch.py --config=configs/inpainting_mnist.py --config.dataset.path=DIRECTORY_OF_IDX_FILES \
        --workdir=runs/inpainting
    python launch.py --mode=sample --workdir=runs/inpainting
    python launch.py --mode=evaluate --workdir=runs/inpainting --config.evaluation.metrics=task

Data and latents as in configs/mnist.py. Each example of a batch has a mask of its own: random pixels, a half, all but
the centre, lines, or nothing, which makes the same network a generator of whole digits. Players, loss and optimizer
are those of configs/mnist_fast.py: ReLU 1200-1200 from 100 latents, the known pixels and the mask, against a leaky ReLU
1200-1200 of the digit and the mask; relativistic paired loss with R1 and R2; Adam; a moving average of the generator.
For a latent search in the scores, train configs/mnist.py, or this with --config.task=none, and name its directory as
--config.evaluation.other_run.

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
