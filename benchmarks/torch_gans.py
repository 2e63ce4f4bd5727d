"""The benchmarks' GANs in PyTorch, as written by a careful user: fused optimizers, no unnecessary gradients.

`pip install torch==2.13.0`; nothing else in the project needs it.
"""

import itertools
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional


class Maxout(nn.Module):
    """A linear layer, and for each unit the maximum of `pieces` of its outputs."""

    def __init__(self, inputs: int, units: int, pieces: int):
        super().__init__()
        self.linear, self.units, self.pieces = nn.Linear(inputs, pieces * units), units, pieces

    def forward(self, inputs):
        """Maps [batch, inputs] to [batch, units]."""
        return self.linear(inputs).view(-1, self.pieces, self.units).amax(1)


class ConvMaxout(nn.Module):
    """A convolution, the maximum of two outputs per unit, and max pooling whose last window may overhang."""

    def __init__(self, inputs: int, units: int, kernel: int, padding: int, pool: int, stride: int):
        super().__init__()
        self.conv, self.units = nn.Conv2d(inputs, 2 * units, kernel, padding=padding), units
        self.pool = nn.MaxPool2d(pool, stride, ceil_mode=True)

    def forward(self, images):
        """Takes [batch, channels, height, width]."""
        hidden = self.conv(images)
        return self.pool(torch.maximum(hidden[:, : self.units], hidden[:, self.units :]))


def mnist() -> tuple[nn.Module, nn.Module]:
    """The paper's MNIST pair."""
    generator = nn.Sequential(
        nn.Linear(100, 1200), nn.ReLU(), nn.Linear(1200, 1200), nn.ReLU(), nn.Linear(1200, 784), nn.Sigmoid()
    )
    discriminator = nn.Sequential(
        nn.Dropout(0.2), Maxout(784, 240, 5), nn.Dropout(0.5), Maxout(240, 240, 5), nn.Dropout(0.5), nn.Linear(240, 1)
    )
    return generator, discriminator


def ring(width: int = 128, latent: int = 2) -> tuple[nn.Module, nn.Module]:
    """Two hidden layers per player, as in configs/ring.py."""

    def net(inputs, outputs):
        layers = [nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, outputs)]
        return nn.Sequential(*layers)

    return net(latent, 2), net(2, 1)


def dcgan(size: int, channels: int, widths: tuple[int, ...]) -> tuple[nn.Module, nn.Module]:
    """A DCGAN for images [channels, size, size]; `widths` are the generator's, the discriminator's are the reverse."""
    small = size // 2 ** len(widths)
    layers: list[nn.Module] = [nn.Linear(100, widths[0] * small * small, bias=False)]
    layers += [nn.Unflatten(1, (widths[0], small, small)), nn.BatchNorm2d(widths[0]), nn.ReLU()]
    for before, after in itertools.pairwise(widths):
        layers += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    generator = nn.Sequential(*layers, nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1), nn.Tanh())
    wide = widths[::-1]
    layers = [nn.Conv2d(channels, wide[0], 4, 2, 1), nn.LeakyReLU(0.2)]
    for before, after in itertools.pairwise(wide):
        layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
    discriminator = nn.Sequential(*layers, nn.Flatten(), nn.Linear(wide[-1] * small * small, 1))
    return generator, discriminator


def cifar10() -> tuple[nn.Module, nn.Module]:
    """The paper's convolutional pair for CIFAR-10."""

    class Bias(nn.Module):
        def __init__(self):
            super().__init__()
            self.bias = nn.Parameter(torch.zeros(3, 32, 32))

        def forward(self, images):
            return images + self.bias

    generator = nn.Sequential(
        *(nn.Linear(100, 8000), nn.ReLU(), nn.Linear(8000, 8000), nn.Sigmoid(), nn.Unflatten(1, (80, 10, 10))),
        *(nn.ConvTranspose2d(80, 3, 5, 3, bias=False), Bias()),
    )
    discriminator = nn.Sequential(
        *(nn.Dropout(0.2), ConvMaxout(3, 32, 8, 4, 4, 2), nn.Dropout(0.5), ConvMaxout(32, 32, 8, 3, 4, 2)),
        *(nn.Dropout(0.5), ConvMaxout(32, 192, 5, 3, 2, 2), nn.Flatten(), nn.Dropout(0.5)),
        *(Maxout(192 * 5 * 5, 500, 5), nn.Dropout(0.5), nn.Linear(500, 1)),
    )
    return generator, discriminator


def sgd(parameters):
    """The paper's optimizer."""
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.5, fused=True)


def adam(parameters):
    """DCGAN's optimizer."""
    return torch.optim.Adam(parameters, lr=2e-4, betas=(0.5, 0.999), fused=True)


def make_step(
    pair: tuple[nn.Module, nn.Module],
    optimizer: Callable,
    batch: int,
    latent: int = 100,
    *,
    compiled: bool = False,
    joint: bool = False,
    autocast: bool = False,
) -> Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    """One step of Algorithm 1 with k = 1: `(real) -> losses`, the discriminator first, each player with fresh latents.

    Args:
      pair: generator and discriminator.
      optimizer: `sgd` or `adam`.
      batch: number of real examples per step, and of generated ones.
      latent: dimension of a latent.
      compiled: whether both losses are compiled by `torch.compile`.
      joint: whether the discriminator judges real and generated examples in one batch, which is equivalent without
        batch statistics.
      autocast: whether networks run under `torch.autocast` in bfloat16, as PyTorch's documentation recommends.
    """
    generator, discriminator = pair
    generator_tx, discriminator_tx = optimizer(generator.parameters()), optimizer(discriminator.parameters())
    device = next(generator.parameters()).device
    ones, zeros = torch.ones(batch, 1, device=device), torch.zeros(batch, 1, device=device)
    bce = functional.binary_cross_entropy_with_logits

    def draw():
        return (torch.rand(batch, latent, device=device) * 2 - 1) * 3**0.5

    def networks():
        return torch.autocast(device.type, torch.bfloat16, enabled=autocast)

    def discriminator_loss(real, latents):
        with networks():
            with torch.no_grad():
                fake = generator(latents)
            if joint:
                of_real, of_fake = discriminator(torch.cat([real, fake.to(real.dtype)])).chunk(2)
            else:
                of_real, of_fake = discriminator(real), discriminator(fake)
        return bce(of_real.float(), ones) + bce(of_fake.float(), zeros)

    def generator_loss(latents):
        with networks():
            of_fake = discriminator(generator(latents))
        return bce(of_fake.float(), ones)

    if compiled:
        discriminator_loss, generator_loss = torch.compile(discriminator_loss), torch.compile(generator_loss)

    def step(real):
        discriminator.requires_grad_(True)
        discriminator_tx.zero_grad(set_to_none=True)
        d_loss = discriminator_loss(real, draw())
        d_loss.backward()
        discriminator_tx.step()
        discriminator.requires_grad_(False)  # the gradients of its weights are not needed now
        generator_tx.zero_grad(set_to_none=True)
        g_loss = generator_loss(draw())
        g_loss.backward()
        generator_tx.step()
        return d_loss.detach(), g_loss.detach()

    return step
