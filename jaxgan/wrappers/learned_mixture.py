"""DeLiGAN: a mixture of Gaussians as the prior, whose means and deviations the generator learns."""

from typing import Any

import chex
import jax
import jax.numpy as jnp
import optax

from jaxgan.types import Network

PARAMS = "mixture"
"""The mixture's part of the generator's parameters: "mean" and, if it is learned, "deviation", [components, dim]."""


def learned_mixture(
    generator: Network,
    components: int,
    dim: int,
    *,
    spread: float = 1.0,
    deviation: float = 0.2,
    learn_deviation: bool = True,
) -> Network:
    """A generator that takes z = μ_k + σ_k·ε and has μ and σ among its parameters.

    Its latents are those of `LATENTS["mixture"](dim, components)`. Component weights that are not one-hot, as on a path
    between two latents, give weighted means and deviations.

    Args:
      generator: a network of latents [batch, dim].
      components: N ≥ 1.
      dim: length of z.
      spread: s > 0; the initial means are drawn from U(−s, s).
      deviation: the initial σ. A negative σ has the same effect as a positive one, since ε and −ε are equally likely.
      learn_deviation: whether σ is a parameter. If not, no component can shrink to a point.

    Returns:
      A `Network` of latents [batch, components + dim].

    Raises:
      ValueError: on use, if the latents have a different length.

    Source: Gurumurthy et al. 2017 (arXiv:1706.02071); the initial values are those of the authors' MNIST code.
    """

    fixed = {} if learn_deviation else {"deviation": float(deviation)}

    def init(key, inputs, condition=None):
        means, rest = jax.random.split(key)
        mixture = {"mean": jax.random.uniform(means, (components, dim), minval=-spread, maxval=spread)}
        mixture |= {"deviation": jnp.full((components, dim), deviation, jnp.float32)} if learn_deviation else {}
        variables = dict(generator.init(rest, _mixed(fixed | mixture, inputs), condition=condition))
        return {**variables, "params": {PARAMS: mixture, "generator": variables["params"]}}

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        params = variables["params"]
        variables = {**variables, "params": params["generator"]}
        return generator.apply(
            variables, _mixed(fixed | params[PARAMS], inputs), condition=condition, key=key, train=train
        )

    return generator._replace(init=init, apply=apply)


def deviation_penalty(weight: float) -> optax.GradientTransformation:
    """Adds the gradient of λ·mean (1 − σ)², over components and coordinates, to the gradient of a learned mixture.

    Without it the deviations shrink, because samples at the means fool the discriminator most easily.

    Args:
      weight: λ ≥ 0.

    Returns:
      A transformation to chain before the optimizer.

    Source: Gurumurthy et al. 2017 (arXiv:1706.02071); in the authors' code λ is 1/3 for MNIST and .1 for toys.
    """

    def update(updates, state, params):
        gradient, deviation = updates[PARAMS]["deviation"], params[PARAMS]["deviation"]
        pull = gradient - 2 * weight * (1 - deviation) / deviation.size
        return {**updates, PARAMS: {**updates[PARAMS], "deviation": pull}}, state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def _mixed(mixture: dict[str, Any], latents: chex.Array) -> chex.Array:
    components, dim = mixture["mean"].shape
    if latents.shape[1:] != (components + dim,):
        raise ValueError(
            f"a mixture of {components} components in {dim} dimensions takes latents [batch, {components + dim}], got "
            f'{latents.shape}; draw them from LATENTS["mixture"]({dim}, {components})'
        )
    weights, noise = latents[:, :components], latents[:, components:]

    def of_its_component(name):
        if isinstance(mixture[name], float):
            return mixture[name]
        # The product only picks rows; without HIGHEST, the matrix units of GPUs and TPUs would round them.
        return jnp.matmul(weights, mixture[name], precision=jax.lax.Precision.HIGHEST)

    return of_its_component("mean") + of_its_component("deviation") * noise
