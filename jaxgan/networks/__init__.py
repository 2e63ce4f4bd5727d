"""Networks by name. To add one, write a linen module like these in its own file, and add a line to `NETWORKS`.

A network's module declares and documents every parameter once, as an attribute. Its `as_network` checks them and wraps
the module with `from_linen`. The functions here, such as `mlp(output_shape=(), widths=(256,))`, take the attributes
as keyword arguments and return a `Network`. Attributes shared by several networks are described here:

- output_shape: shape of an example for a generator ([height, width, channels] for images); () for a discriminator,
  whose output is one logit.
- output: a generator's: "sigmoid" (outputs in [0, 1]), "tanh" ([−1, 1]) or "linear".
- initializer, initial_scale: a name in `layers.INITIALIZERS` for all kernels, and its scale: half-width of "uniform",
  standard deviation of "normal", number of inputs of "sparse", factor of the variance of the others.
- means: mean of each output over the data. A generator's last bias is initialised so that zero weights return these
  means, one per pixel and channel in a convolutional network; None for bias 0.
- axis_name: name of the device axis, for a step under pmap or shard_map.
- remat: store only the inputs of the layers or blocks for the gradient, and recompute the rest: less memory, more time.
- features: a discriminator also returns its last layer's inputs, in a `Judgement`, for feature matching.
- minibatch: a discriminator's layer before the last one: "discrimination", "deviation" or "none".
- class_logits: number of outputs of a second output layer of a discriminator, for `jaxgan.TERMS`; 0 for none.
- conditioning: how a condition enters, see `conditioning.CONDITIONINGS`: "concatenation", "normalization" (generator)
  or "projection" (discriminator).
- classes: number of classes, for conditions that are integers [batch].

All raise ValueError for unknown names, and for widths or sides that do not fit.
"""

from collections.abc import Callable

from jaxgan.adapters import factory as factory
from jaxgan.adapters import from_linen as from_linen
from jaxgan.networks.cifar10 import CIFAR10
from jaxgan.networks.dcgan import DCGAN
from jaxgan.networks.maxout import Maxout
from jaxgan.networks.mlp import MLP
from jaxgan.networks.pix2pix import Pix2Pix
from jaxgan.networks.r3gan import R3GAN
from jaxgan.networks.resnet import ResNet
from jaxgan.networks.stylegan2 import StyleGAN2
from jaxgan.networks.vit import VIT_SIZES as VIT_SIZES
from jaxgan.networks.vit import ViT
from jaxgan.tables import Table
from jaxgan.types import Network

mlp = factory(MLP)
maxout = factory(Maxout)
dcgan = factory(DCGAN)
cifar10 = factory(CIFAR10)
resnet = factory(ResNet)
r3gan = factory(R3GAN)
pix2pix = factory(Pix2Pix)
stylegan2 = factory(StyleGAN2)
vit = factory(ViT)

NETWORKS: dict[str, Callable[..., Network]] = Table("network") | {
    "mlp": mlp,
    "maxout": maxout,
    "dcgan": dcgan,
    "cifar10": cifar10,
    "resnet": resnet,
    "r3gan": r3gan,
    "pix2pix": pix2pix,
    "stylegan2": stylegan2,
    "vit": vit,
}
