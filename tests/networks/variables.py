"""Variables of a network without its initialisers, which take longer to compile than the network itself."""

import functools
import math

import jax
import numpy as np


def filled(network, inputs, condition=None, *, bias=1.0):
    """Normal numbers, scaled by the number of inputs, in the shapes of `network.init`; variances are above .5.

    `bias` is the standard deviation of biases.
    """
    draw = np.random.default_rng(0)

    def leaf(path, shape):
        values = draw.standard_normal(shape.shape, np.float32) / np.float32(math.prod(shape.shape[:-1]) ** 0.5)
        if path[-1].key == "bias":
            return values * np.float32(bias)
        return np.abs(values) + np.float32(0.5) if path[-1].key == "var" else values

    shapes = jax.eval_shape(functools.partial(network.init, condition=condition), jax.random.key(0), inputs)
    return jax.tree_util.tree_map_with_path(leaf, shapes)
