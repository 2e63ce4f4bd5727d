"""Small generators of every kind, ready to be exported."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.latents import LATENTS
from jaxgan.networks import NETWORKS
from jaxgan.networks.layers import ACTIVATIONS
from jaxgan.networks.normalization import NORMALIZATIONS
from jaxgan.portable.generator import PortableGenerator, portable
from jaxgan.tasks import TASKS
from jaxgan.types import Network
from jaxgan.wrappers.conditions import one_hot

IMAGE, CLASSES = (8, 8, 3), 3
LATENT = LATENTS["normal"](6)

mlp = functools.partial(NETWORKS["mlp"], output_shape=IMAGE, widths=(8,))
dcgan = functools.partial(NETWORKS["dcgan"], output_shape=IMAGE, widths=(4, 2))
resnet = functools.partial(NETWORKS["resnet"], output_shape=IMAGE, widths=(4, 4))
vit = functools.partial(NETWORKS["vit"], output_shape=IMAGE, width=8, depth=2, heads=2, patch=4)
stylegan2 = functools.partial(NETWORKS["stylegan2"], output_shape=IMAGE, widths=(8, 4), style=8)
pix2pix = functools.partial(NETWORKS["pix2pix"], output_shape=IMAGE, widths=(4, 2))
r3gan = functools.partial(NETWORKS["r3gan"], output_shape=IMAGE, widths=(8, 8), group_size=8, blocks=1)


def made(network: Network, latent=LATENT, condition: Any = None, **options: Any) -> PortableGenerator:
    """A generator with parameters that are no longer those of init, where biases are 0."""
    key, latents = jax.random.key(1), latent.sample(jax.random.key(0), 16)
    variables = jax.jit(network.init)(key, latents, condition=_sixteen(condition))
    leaves, tree = jax.tree.flatten(variables)
    noisy = [leaf + 0.1 * np.random.default_rng(i).uniform(0.1, 1, leaf.shape) for i, leaf in enumerate(leaves)]
    variables = jax.tree.unflatten(tree, [np.asarray(leaf, np.float32) for leaf in noisy])
    given = jax.tree.map(lambda leaf: leaf[:1], condition)
    return portable(network, variables, latent, condition=given, low=-1.0, **options)


def _sixteen(condition):
    return jax.tree.map(lambda leaf: jnp.resize(leaf, (16, *leaf.shape[1:])), condition)


def labelled(network: Network, **options: Any) -> PortableGenerator:
    return made(network, condition=np.arange(CLASSES, dtype=np.int32), classes=CLASSES, **options)


def with_vector(network: Network) -> PortableGenerator:
    return made(network, condition=np.ones((1, 2), np.float32))


def of_task(name: str, **options: Any) -> PortableGenerator:
    task = TASKS[name](example_shape=IMAGE, latent=LATENT, **options)
    condition = None if task.condition is None else task.condition(2)
    return made(task.generator(mlp(normalization="batch"), None), condition=condition)


def of_pictures(name: str, **options: Any) -> PortableGenerator:
    task = TASKS[name](example_shape=IMAGE, latent=LATENT, **options)
    assert task.condition is not None
    return made(task.generator(pix2pix(), None), condition=task.condition(1) + 0.5)


def mixture() -> PortableGenerator:
    latent = LATENTS["mixture"](6, 4)
    assert latent.generator is not None
    return made(latent.generator(mlp()), latent)


FAST: dict[str, Callable[[], PortableGenerator]] = {
    "mlp of labels": lambda: labelled(one_hot(mlp(conditioning="normalization", normalization="batch"), CLASSES)),
    "mlp of a learned mixture": mixture,
    "dcgan of labels": lambda: labelled(one_hot(dcgan(normalization="layer"), CLASSES)),
    "inpainting": lambda: of_task("inpainting"),
}
SLOW: dict[str, Callable[[], PortableGenerator]] = {
    "mlp": lambda: made(mlp(widths=(8, 8), activation="leaky_relu,gelu", output="tanh", normalization="layer")),
    "bigan": lambda: of_task("inference"),
    "r3gan": lambda: made(r3gan()),
    "vit": lambda: made(vit(levels=2)),
    "stylegan2": lambda: made(stylegan2()),
    "pix2pix": lambda: made(pix2pix(), condition=np.linspace(-1, 1, 64, dtype=np.float32).reshape(1, 8, 8, 1)),
    "pix2pix without pairs": lambda: of_pictures("translation", view="grey", cycle=1.0, cycle_widths=(4, 2)),
    "stylegan2 of labels, truncated": lambda: labelled(stylegan2(classes=CLASSES, truncation=0.7)),
    "vit of labels": lambda: labelled(vit(levels=2, classes=CLASSES)),
    "mlp of vectors": lambda: with_vector(mlp()),
    **{f"mlp, {name}": lambda name=name: made(mlp(activation=name)) for name in ACTIVATIONS},
    **{
        f"mlp, {name}": lambda name=name: made(mlp(normalization=name))
        for name in NORMALIZATIONS
        if name not in ("instance", "virtual")
    },
    **{
        f"{family}, {name}": lambda make=make, name=name: made(make(normalization=name))
        for family, make in {"dcgan": dcgan, "resnet": resnet}.items()
        for name in NORMALIZATIONS
        if name != "weight_from_data"
    },
    "maxout": lambda: made(NETWORKS["maxout"](output_shape=IMAGE, widths=(8,))),
    "dcgan, nearest": lambda: made(dcgan(upsampling="nearest")),
    "dcgan, means": lambda: made(dcgan(means=np.full(IMAGE, 0.2, np.float32))),
    "dcgan, remat": lambda: made(dcgan(remat=True)),
    "dcgan, virtual, labels": lambda: labelled(one_hot(dcgan(normalization="virtual"), CLASSES)),
    "dcgan, normalization of labels": lambda: labelled(one_hot(dcgan(conditioning="normalization"), CLASSES)),
    "resnet, attention": lambda: made(resnet(attention=8)),
    "resnet of labels": lambda: labelled(resnet(classes=CLASSES)),
    "resnet, virtual, labels": lambda: labelled(resnet(classes=CLASSES, normalization="virtual")),
    "r3gan of labels": lambda: labelled(r3gan(classes=CLASSES)),
    "r3gan of vectors": lambda: with_vector(r3gan()),
    "cifar10": lambda: made(NETWORKS["cifar10"](output_shape=(32, 32, 3), widths=(8,))),
    "inpainting, encoder": lambda: of_task("inpainting", encoder=(4,)),
    "joint regressor": lambda: of_task("inference", method="joint_regressor"),
    "semi-supervised": lambda: of_task("semi_supervised"),
}
ALL = {name: functools.cache(make) for name, make in (FAST | SLOW).items()}
"""Each is made once."""


def inputs_of(generator: PortableGenerator, count: int) -> list[np.ndarray]:
    """Inputs of the generator: draws of its latents, classes in turn, and zeros and ones for other conditions."""
    found = [np.asarray(generator.latent.sample(jax.random.key(5), count))]
    for array in generator.inputs[1:]:
        if array.dtype == "int32":
            found.append(np.arange(count, dtype=np.int32) % CLASSES)
        else:
            found.append(np.random.default_rng(0).integers(0, 2, (count, *array.shape)).astype(np.float32))
    return found
