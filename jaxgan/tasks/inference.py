"""Learned inference: an encoder E that estimates the latent z of an example x."""

import functools
from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.fields import Field, Widths
from jaxgan.losses import both_sides
from jaxgan.networks import NETWORKS
from jaxgan.networks.layers import ACTIVATIONS
from jaxgan.tables import UnknownNameError
from jaxgan.tasks.base import Sheet, Task, joined, part_of
from jaxgan.tasks.inference_scores import NOISE, Encoded, corrupted, measure
from jaxgan.types import DiscriminatorInputs, Latent, Network, Term, example_keys, of_norm

INFERENCES = ("bigan", "joint_regressor", "regressor")
"""Ways to learn E: in the game itself, alongside the game, and after it."""

POINTS = 8
"""Number of images on the path between two examples."""


class Between(NamedTuple):
    """A condition that requests G((1 − t)·E(a) + t·E(b)) from a trained generator, with a, b [n, ...] and t [n].

    If the prior has a fixed norm, the latents keep it.
    """

    first: chex.Array
    second: chex.Array
    share: chex.Array


def as_pairs(examples: chex.Array, latents: chex.Array) -> chex.Array:
    """(x, z) as vectors [n, features + dim], so that penalties treat them as examples."""
    return jnp.concatenate([examples.reshape(examples.shape[0], -1), latents], -1)


def judging_pairs(discriminator: Network, example_shape: tuple[int, ...], dim: int) -> Network:
    """The discriminator of pairs (x, z) as vectors [n, features + dim]; see `as_pairs`.

    Args:
      discriminator: takes examples [n, ...] and the condition z [n, dim].
      example_shape: shape of one example.
      dim: dimension of z.

    Raises:
      ValueError: on use, if the inputs are not pairs.
    """
    features = int(np.prod(example_shape))

    def init(key, inputs, condition=None):
        return discriminator.init(key, inputs, condition=jnp.zeros((len(inputs), dim)))

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        if inputs.shape[1:] != (features + dim,):
            raise ValueError(f"pairs (x, z) are [n, {features + dim}], not {list(inputs.shape)}; see as_pairs")
        x, z = inputs[:, :features].reshape(-1, *example_shape), inputs[:, features:]
        return discriminator.apply(variables, x, condition=z, key=key, train=train)

    return discriminator._replace(init=init, apply=apply)


def encoding(
    generator: Network,
    encoder: Network,
    example_shape: tuple[int, ...],
    *,
    pairs: bool,
    radius: float | None = None,
    corruption: Mapping[str, float] = {},
    generator_weight: float = 0.0,
) -> Network:
    """The generator joined with an encoder E; the parameters are "generator" and "encoder".

    Outside training it returns G(z), or what the conditions `Encoded` and `Between` request.

    Args:
      generator: G, takes latents [n, dim], without a condition.
      encoder: E, maps examples [n, ...] to [n, dim], without noise.
      example_shape: shape of one example.
      pairs: if true, the condition is x, and in training the network returns both sides (x, E(x)) and (G(z), z) as
        vectors. If false, it returns G(z), and the error ‖E(c(G(z))) − z‖² for a loss term.
      radius: norm of the prior's latents, if it is fixed; for points between two codes.
      corruption: arguments of c = `corrupted`, for a regressor.
      generator_weight: λ ≥ 0, for a regressor: the fraction of its error's gradient that passes through G(z) to G.
    """
    generate, encode = generator.apply, encoder.apply

    def init(key, inputs, condition=None):
        examples = jnp.zeros((len(inputs), *example_shape))
        return joined(generator=generator.init(key, inputs), encoder=encoder.init(jax.random.fold_in(key, 1), examples))

    def requested(own, seeing, latents, condition):
        if isinstance(condition, Encoded):
            return encode(seeing, condition.examples)[0]
        if isinstance(condition, Between):
            first, second = (encode(seeing, x)[0] for x in (condition.first, condition.second))
            latents = first + condition.share[:, None] * (second - first)
            latents = latents if radius is None else of_norm(latents, radius)
        return generate(own, latents)[0]

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        own, seeing = (part_of(variables, name) for name in ("generator", "encoder"))
        if not train:
            made = requested(own, seeing, inputs, condition)
            return made, {name: value for name, value in variables.items() if name != "params"}
        made, state = generate(own, inputs, key=key, train=True)
        if pairs:
            codes, seen = encode(seeing, condition, train=True)
            sides = as_pairs(condition, codes), as_pairs(made, inputs)
            return DiscriminatorInputs(*sides), joined(generator=state, encoder=seen)
        looked_at = jax.lax.stop_gradient(made)
        if generator_weight:  # the fraction of the gradient that passes to the generator
            looked_at = looked_at + generator_weight * (made - looked_at)
        if key is not None:
            keys = key if key.ndim else example_keys(key, len(inputs))
            looked_at = corrupted(jax.vmap(jax.random.fold_in, (0, None))(keys, NOISE), looked_at, **corruption)
        codes, seen = encode(seeing, looked_at, train=True)
        missed = jnp.square(codes - jax.lax.stop_gradient(inputs)).sum(-1)
        return DiscriminatorInputs(None, made, missed), joined(generator=state, encoder=seen)

    return generator._replace(init=init, apply=apply)


def _of_norm(encoder: Network, radius: float) -> Network:
    """The encoder, with its codes scaled to a fixed norm."""

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        codes, state = encoder.apply(variables, inputs, condition=condition, key=key, train=train)
        return of_norm(codes, radius), state

    return encoder._replace(apply=apply)


REGRESSION = Term(generator=lambda inputs: inputs.extra.mean())
"""E ‖E(c(G(z))) − z‖²; its gradient updates E, and G according to `generator_weight`."""


def inference(
    *,
    example_shape: tuple[int, ...],
    latent: Latent,
    method: Annotated[str, INFERENCES] = "bigan",
    widths: Widths = (1024, 1024),
    activation: Annotated[tuple[str, ...], ACTIVATIONS] = ("leaky_relu",),
    normalization: Literal["none", "batch", "layer"] = "none",
    noise: Annotated[float, Field(low=0, modes=("evaluate",))] = 0.0,
    masking: Annotated[float, Field(low=0, high=1, modes=("evaluate",))] = 0.0,
    generator_weight: Annotated[float, Field(low=0)] = 0.0,
    fit_widths: Annotated[Widths, Field(low=1, resume=True, modes=("evaluate",))] = (),
    fit_steps: Annotated[int, Field(low=0, resume=True, modes=("evaluate",))] = 10_000,
    examples: Annotated[int, Field(low=2, resume=True, modes=("evaluate",))] = 500,
) -> Task:
    """The task of inferring z from x.

    Args:
      example_shape: shape of one example.
      latent: the prior p_z(z).
      method: "bigan": G and E play against a discriminator of (x, E(x)) and (G(z), z); "joint_regressor": E minimises
        ‖E(G(z)) − z‖² alongside the game; "regressor": E is fitted to the generator of a plain GAN, only in
        evaluations.
      widths, activation, normalization: settings of E; see `mlp`.
      noise, masking: corruptions of the samples from which a joint or fitted regressor learns; see `corrupted`.
      generator_weight: λ ≥ 0 for "joint_regressor": G minimises its own loss plus λ times E's error, so that z can be
        inferred from G(z). 0: the game does not depend on E.
      fit_widths: hidden layers of the regressor that evaluations fit; () means `widths`.
      fit_steps: training steps of this regressor; 0 for no regressor.
      examples: maximum number of test examples that evaluations reconstruct.

    Raises:
      ValueError: the method is unknown, or the encoder's arguments are invalid.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), section 7, item 2; Donahue et al. 2017 (arXiv:1605.09782);
    Dumoulin et al. 2017 (arXiv:1606.00704), with a deterministic encoder. Minus the error is, up to
    constants, InfoGAN's lower bound of the mutual information of z and c(G(z)) (Chen et al. 2016, arXiv:1606.03657).
    """
    if method not in INFERENCES:
        raise UnknownNameError("inference.method", method, INFERENCES)

    def dense(latent, hidden=tuple(fit_widths or widths), **options):
        network = NETWORKS["mlp"](output_shape=(latent.dim,), widths=hidden, activation=activation, **options)
        return network if latent.radius is None else _of_norm(network, latent.radius)

    for hidden in (tuple(widths), tuple(fit_widths or widths)):
        dense(latent, hidden, normalization=normalization)  # raises an error for invalid arguments
    corruption = {"noise": noise, "masking": masking}
    fits = functools.partial(measure, fits=dense, steps=fit_steps, corruption=corruption)
    scores = functools.partial(fits, encodes=method != "regressor", count=examples)
    if method == "regressor":
        return Task(measure=scores)

    def generator(network, axis_name):
        encoder = dense(latent, tuple(widths), normalization=normalization, axis_name=axis_name)
        return encoding(
            network, encoder, example_shape,
            pairs=method == "bigan", radius=latent.radius, corruption=corruption, generator_weight=generator_weight,
        )  # fmt: skip

    own = Task(generator=generator, sheet=sheet, measure=scores)
    if method == "joint_regressor":
        return own._replace(terms=(REGRESSION,))
    return own._replace(
        discriminator=lambda network, axis_name: judging_pairs(network, example_shape, latent.dim),
        prepare=lambda keys, batch: {**batch, "condition": batch["real"]},
        condition=lambda count: jnp.zeros((count, *example_shape)),
        loss=both_sides,
    )


def sheet(key: chex.PRNGKey, count: int, examples: np.ndarray, latent: Latent) -> Sheet:
    """Rows that start with an example, follow a path in z between two reconstructions, and end with another example.

    The arrays are "first" and "second" [rows, ...], and "shares" [8]. Image j of row i is that of `Between` with
    t = shares[j].
    """
    rows, shape = max(count // POINTS, 1), examples.shape[1:]
    first, second = (examples[(2 * np.arange(rows) + i) % len(examples)] for i in range(2))
    shares = np.linspace(0, 1, POINTS, dtype=np.float32)

    def arrange(made):
        way = made.reshape(rows, POINTS, *shape)
        return np.concatenate([first[:, None], way, second[:, None]], 1).reshape(-1, *shape)

    starts, ends = jnp.repeat(first, POINTS, 0), jnp.repeat(second, POINTS, 0)
    given = Between(starts, ends, jnp.tile(shares, rows))
    arrays = {"first": first, "second": second, "shares": shares}
    return Sheet(jnp.zeros((rows * POINTS, latent.dim)), given, arrange, 2 + POINTS, arrays)
