"""Pictures from pictures: G makes an example of a view of it, such as its outline, and D judges the pair."""

import functools
from collections.abc import Callable
from typing import Annotated, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.datasets import order
from jaxgan.evaluation.base import Score, compare
from jaxgan.evaluation.frechet import frechet_estimate
from jaxgan.fields import Count, Either, Field, Widths
from jaxgan.networks import NETWORKS
from jaxgan.tables import Table
from jaxgan.tasks.base import NO_CLASSIFIER, ScoreInputs, Scores, Sheet, Task, joined, mean_and_error, part_of
from jaxgan.tasks.completions import Known, nearest_indices
from jaxgan.types import DiscriminatorInputs, DiscriminatorOutput, Latent, Network, Term

View = Callable[[chex.Array], chex.Array]
"""`images [n, height, width, channels] -> pictures [n, height, width, any channels]`, both in the networks' range."""

LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue: ITU-R BT.601."""

MEANING = (
    "rmse: of images in [0, 1], for each example; best: of its {draws} draws, mean: over them; k nearest: the {draws} "
    "training examples with the nearest views; the other methods have one picture each. view rmse: of the picture's "
    "view to the example's, likewise. frechet: distance of the first draws to the examples in evaluation.features, by "
    "as many of each; the same of as many training examples is real data's. accuracy: share of pictures to which the "
    "classifier gives the example's label, over all draws. Means over the examples ± standard errors."
)
NO_VIEW = "Left out: view rmse, because no function makes the view that is given."
NO_FEATURES = "Left out: frechet, for which evaluation.features must be other than raw."


def grey(images: chex.Array) -> chex.Array:
    """The luminance [n, height, width, 1] of images with 3 channels; images with 1 channel are unchanged."""
    if images.shape[-1] != len(LUMINANCE):
        return images.mean(-1, keepdims=True)
    return (images * jnp.asarray(LUMINANCE)[None, None, None]).sum(-1, keepdims=True)


def small(images: chex.Array, *, factor: int) -> chex.Array:
    """Means over squares of factor × factor pixels, each of them as large as the square: the size stays."""
    n, height, width, channels = images.shape
    cells = images.reshape(n, height // factor, factor, width // factor, factor, channels).mean((2, 4))
    return cells.repeat(factor, 1).repeat(factor, 2)


def outline(images: chex.Array) -> chex.Array:
    """Edges [n, height, width, 1]: 2·step − 1, at most 1, of the largest step to the pixel to the right or below."""
    right = jnp.pad(jnp.abs(jnp.diff(images, axis=2)), ((0, 0), (0, 0), (0, 1), (0, 0)))
    below = jnp.pad(jnp.abs(jnp.diff(images, axis=1)), ((0, 0), (0, 1), (0, 0), (0, 0)))
    return jnp.clip(2 * jnp.maximum(right, below).max(-1, keepdims=True) - 1, -1, 1)


VIEWS: dict[str, Callable[..., chex.Array]] = Table("view") | {"outline": outline, "grey": grey, "small": small}
"""Views by name; those that take `factor` get the task's."""


GIVEN = "given"
"""The view that comes with an example, as its condition."""


def paired(discriminator: Network) -> Network:
    """The discriminator of (x, c), concatenated along the channels, with the condition c."""

    def init(key, inputs, condition=None):
        return discriminator.init(key, jnp.concatenate([inputs, condition], -1))

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        return discriminator.apply(variables, jnp.concatenate([inputs, condition], -1), key=key, train=train)

    return discriminator._replace(init=init, apply=apply)


class Unpaired(NamedTuple):
    """A condition in training without pairs: images [n, ...], and views [n, ...] of other images."""

    images: chex.Array
    views: chex.Array


class Missed(NamedTuple):
    """What the terms of training without pairs weigh, [n] each, means over the values of absolute differences.

    Attributes:
      cycle: |G(z, F(x)) − x| + |F(G(z, c)) − c|.
      identity: |G(z, x) − x| + |F(c) − c|; 0 where it has no weight.
    """

    cycle: chex.Array
    identity: chex.Array


def cycling(generator: Network, inverse: Network, example_shape: tuple[int, ...], *, identity: bool = False) -> Network:
    """The generator G joined with F, which makes views of images; the parameters are "generator" and "inverse".

    Outside training it returns G(z, view). In training the condition is `Unpaired`, and it returns both sides of both
    domains, and what was `Missed`, for terms.

    Args:
      generator: takes latents [n, dim] and views as its condition.
      inverse: takes latents, which are 0, and images as its condition.
      example_shape: of the images.
      identity: whether to compute `Missed.identity`, for which images and views must have one shape.
    """

    def init(key, inputs, condition=None):
        views = condition.views if isinstance(condition, Unpaired) else condition
        images = jnp.zeros((len(inputs), *example_shape))
        back = inverse.init(jax.random.fold_in(key, 1), jnp.zeros_like(inputs), condition=images)
        return joined(generator=generator.init(key, inputs, condition=views), inverse=back)

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        forward, back = part_of(variables, "generator"), part_of(variables, "inverse")
        views = condition.views if isinstance(condition, Unpaired) else condition
        if not train:
            made, _ = generator.apply(forward, inputs, condition=views)
            return made, {name: value for name, value in variables.items() if name != "params"}
        images, options, nothing = condition.images, {"key": key, "train": True}, jnp.zeros_like(inputs)
        made, state = generator.apply(forward, inputs, condition=views, **options)
        seen, back_state = inverse.apply(back, nothing, condition=images, **options)
        forward, back = forward | state, back | back_state
        again, state = generator.apply(forward, inputs, condition=seen, **options)
        seen_again, back_state = inverse.apply(back, nothing, condition=made, **options)
        missed = Missed(_apart(again, images) + _apart(seen_again, views), jnp.zeros(len(inputs)))
        if identity:
            kept, state = generator.apply(forward | state, inputs, condition=images, **options)
            kept_views, back_state = inverse.apply(back | back_state, nothing, condition=views, **options)
            missed = missed._replace(identity=_apart(kept, images) + _apart(kept_views, views))
        sides = {"images": images, "views": views}, {"images": made, "views": seen}
        return DiscriminatorInputs(*sides, missed), joined(generator=state, inverse=back_state)

    return Network(init, apply)


def _apart(a: chex.Array, b: chex.Array) -> chex.Array:
    return jnp.abs(a - b).mean((1, 2, 3))


def both_domains(discriminator: Network, other: Network, view_shape: tuple[int, ...]) -> Network:
    """A discriminator of images and one of views, as one of {"images": ..., "views": ...}, with the logits of both.

    It is initialised with images alone.
    """

    def init(key, inputs, condition=None):
        views = jnp.zeros((len(inputs), *view_shape))
        return joined(images=discriminator.init(key, inputs), views=other.init(jax.random.fold_in(key, 1), views))

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        outputs, states, options = {}, {}, {"key": key, "train": train}
        for name, network in (("images", discriminator), ("views", other)):
            judged, states[name] = network.apply(part_of(variables, name), inputs[name], **options)
            outputs[name] = DiscriminatorOutput.of(judged).logits
        return DiscriminatorOutput(outputs), joined(**states)

    return Network(init, apply)


def translation(
    *,
    example_shape: tuple[int, ...],
    latent: Latent,
    condition_shape: tuple[int, ...] | None = None,
    view: Annotated[str, Either((GIVEN,), VIEWS)] = "outline",
    factor: Count = 4,
    cycle: Annotated[float, Field(low=0)] = 0.0,
    identity: Annotated[float, Field(low=0, needs={"cycle": None})] = 0.0,
    cycle_widths: Annotated[Widths, Field(low=1, needs={"cycle": None})] = (32, 64, 128),
    draws: Annotated[int, Field(low=1, resume=True, modes=("evaluate",))] = 10,
    examples: Annotated[int, Field(low=2, resume=True, modes=("evaluate",))] = 500,
) -> Task:
    """The task of pictures from pictures.

    Args:
      example_shape: [height, width, channels].
      latent: the prior p_z(z).
      condition_shape: of the conditions that come with the examples; None without one.
      view: name of the view in `VIEWS` that G is given; "given": the condition that comes with an example, a picture of
        the same height and width. With `cycle` it may belong to any other example.
      factor: of "small", how many times fewer pixels a side has.
      cycle: λ ≥ 0. Above 0 nothing is paired: views are those of other examples, and a second generator F makes views
        of images, against a discriminator of views. Both also minimise λ times the errors of their cycles (`cycling`).
        The source has 10, beside a sum over both discriminators; here the loss is their mean. A step needs two
        minibatches.
      identity: μ ≥ 0, of |G(z, x) − x| + |F(c) − c|: each generator keeps what is of its own domain already. The
        source has half of λ, for photographs and paintings. Images and views must have one shape.
      cycle_widths: of F and of the discriminator of views, which are `pix2pix` networks.
      draws: pictures of each example in sheets and scores, ≥ 1.
      examples: test examples in the scores, at most.

    Raises:
      ValueError: the examples are not images, their sides do not divide by the factor, a given view does not suit, or
        `identity` is set and views have another shape than images.

    Source: Isola et al. 2017 (arXiv:1611.07004); Zhu et al. 2017 (arXiv:1703.10593), equations 1 to 3 and, for the
    identities, section 5.2; without a buffer of earlier samples.
    """
    if len(example_shape) != 3:
        raise ValueError(f"a view is of images [height, width, channels], and examples are {list(example_shape)}")
    if view == "small" and any(side % factor for side in example_shape[:2]):
        raise ValueError(f"sides of {list(example_shape[:2])} pixels do not divide by the factor {factor}")
    see = None if view == GIVEN else functools.partial(small, factor=factor) if view == "small" else VIEWS[view]
    if see is not None:
        seen = jax.eval_shape(see, jax.ShapeDtypeStruct((1, *example_shape), jnp.float32)).shape[1:]
    else:
        seen = condition_shape or ()
        if len(seen) != 3 or seen[:2] != example_shape[:2]:
            raise ValueError(
                f"given views must be as high and wide as the examples {list(example_shape)}: {list(seen)}"
            )

    def views_of(batch):
        return batch["condition"] if see is None else jax.vmap(see)(batch["real"])

    def prepare(keys, batch):
        return {**batch, "condition": views_of(batch)}

    def prepare_unpaired(keys, batch):
        if len(real := batch["real"]) < 2:
            raise ValueError("translation without pairs needs two minibatches in a step; set generator_batches=1")
        return {**batch, "condition": Unpaired(real, jnp.roll(views_of(batch), 1, axis=0))}

    task = Task(
        discriminator=lambda network, axis_name: paired(network),
        prepare=prepare,
        condition=lambda count: jnp.zeros((count, *seen)),
        condition_of=see,
        sheet=functools.partial(sheet, see=see, draws=draws),
        measure=lambda trained: measure(trained, see, draws, examples, factor if view == "small" else 1),
    )
    if not cycle:
        return task

    def of_views(output_shape, axis_name):
        options = {"widths": tuple(cycle_widths), "normalization": "instance", "axis_name": axis_name}
        return NETWORKS["pix2pix"](output_shape=output_shape, output="tanh" if output_shape else "linear", **options)

    of_views(seen, None)  # raises an error for widths that do not fit
    if identity and tuple(seen) != tuple(example_shape):
        raise ValueError(f"identity needs views of the images' shape {list(example_shape)}, not {list(seen)}")

    def generators(network, axis_name):
        return cycling(network, of_views(seen, axis_name), example_shape, identity=identity > 0)

    return task._replace(
        generator=generators,
        discriminator=lambda network, axis_name: both_domains(network, of_views((), axis_name), seen),
        prepare=prepare_unpaired,
        terms=(
            Term(generator=lambda inputs: cycle * inputs.extra.cycle.mean() + identity * inputs.extra.identity.mean()),
        ),
    )


def sheet(
    key: chex.PRNGKey,
    count: int,
    examples: np.ndarray,
    latent: Latent,
    conditions: np.ndarray | None = None,
    *,
    see: View | None,
    draws: int,
) -> Sheet:
    """Rows of an example's view, some pictures made of it, and the example.

    The arrays are "originals" [rows, ...] and "views" [rows, ...]; picture j of row i is example i·draws + j.
    """
    draws = min(draws, count)
    originals = examples[: max(count // draws, 1)]
    rows = len(originals)
    views = _views(see, originals, None if conditions is None else conditions[:rows])
    shown = _as_shown(views, originals.shape)

    def arrange(made):
        made = made.reshape(rows, draws, *originals.shape[1:])
        return np.concatenate([shown[:, None], made, originals[:, None]], 1).reshape(-1, *originals.shape[1:])

    latents = latent.sample(key, rows * draws)
    return Sheet(latents, jnp.repeat(views, draws, 0), arrange, 2 + draws, {"originals": originals, "views": views})


def measure(trained: ScoreInputs, see: View | None, draws: int, examples: int, factor: int) -> Scores:
    """Errors of pictures made of the views of test examples, beside those of methods that learn nothing."""
    example_key, draw_key = jax.random.split(trained.key)
    chosen = np.sort(np.asarray(jax.random.permutation(example_key, len(trained.test)))[:examples])
    tested = trained.test[chosen]
    given = None if trained.test_conditions is None else trained.test_conditions[chosen]
    views = _views(see, tested, given)
    latents = (trained.latent.sample(jax.random.fold_in(draw_key, i), len(tested)) for i in range(draws))
    training = _views(see, trained.train, trained.train_conditions)
    nearest = trained.train[nearest_indices(Known(views, np.ones_like(views)), training, draws)]
    made = {
        "this run": np.stack([trained.generate(z, jnp.asarray(views)) for z in latents]),
        "nearest": nearest[:1],
        "k nearest": nearest,
        "view itself": _as_shown(views, tested.shape)[None],
    }
    if factor > 1:
        less = views[:, ::factor, ::factor]
        made["bicubic"] = np.asarray(jax.image.resize(less, tested.shape, "bicubic"))[None]
    unit = trained.unit
    errors = {name: _rmse(unit(each), unit(tested)) for name, each in made.items()}
    scores: list[Score] = [
        compare("rmse_best", {k: mean_and_error(v.min(0)) for k, v in errors.items()}, "lower", len(tested)),
        compare("rmse_mean", {k: mean_and_error(v.mean(0)) for k, v in errors.items()}, "lower", len(tested)),
    ]
    if see is not None:
        seen = {k: np.stack([_in_parts(see, 2 * unit(draw) - 1) for draw in each]) / 2 for k, each in made.items()}
        wanted = _in_parts(see, 2 * unit(tested) - 1) / 2
        apart = {k: mean_and_error(_rmse(each, wanted).mean(0)) for k, each in seen.items()}
        scores.append(compare("view rmse", apart, "lower", len(tested)))
    notes = [
        MEANING.format(draws=draws),
        *([] if see else [NO_VIEW]),
        *([NO_FEATURES] if trained.features is None else []),
    ]
    if trained.features is not None:
        of_tested, others = trained.features(tested), order.subset("examples", len(trained.train), len(tested))
        first = {name: each[0] for name, each in made.items() if name != "k nearest"}
        first["real data"] = trained.train[np.sort(others)]
        far = {name: (*frechet_estimate(trained.features(each), of_tested),) for name, each in first.items()}
        scores.append(compare("frechet", far, "lower", len(tested)))
    labels = None if trained.test_labels is None else trained.test_labels[chosen]
    if trained.classify is None or labels is None:
        return Scores(tuple(scores), (*notes, NO_CLASSIFIER))
    right = {name: np.stack([trained.classify(draw) == labels for draw in each]) for name, each in made.items()}
    values = {name: mean_and_error(each.mean(0)) for name, each in right.items()}
    values["real data"] = mean_and_error(trained.classify(tested) == labels)
    scores.append(compare("accuracy", values, "higher", len(tested)))
    return Scores(tuple(scores), tuple(notes))


def _rmse(made: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """[draws, n]: root of the mean squared difference of pictures [draws, n, ...] to pictures [n, ...]."""
    return np.sqrt(np.square(np.asarray(made, np.float64) - wanted).mean((-3, -2, -1)))


def _views(see: View | None, images: np.ndarray, conditions: np.ndarray | None) -> np.ndarray:
    """The views of images, or those that come with them."""
    if see is not None:
        return _in_parts(see, images)
    assert conditions is not None and len(conditions) == len(images)
    return np.asarray(conditions)


def _as_shown(views: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Views with as many channels as images of this shape, grey ones in all of them; others by their mean."""
    return np.broadcast_to(views if views.shape[-1] in (1, shape[-1]) else views.mean(-1, keepdims=True), shape)


def _in_parts(see: View, images: np.ndarray, size: int = 1000) -> np.ndarray:
    """The views of many images."""
    return np.concatenate([np.asarray(see(jnp.asarray(images[i : i + size]))) for i in range(0, len(images), size)])
