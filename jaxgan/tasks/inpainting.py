"""All conditionals p(x_S | x_notS) of parts S of an example, by a single generator that receives the known values."""

from collections.abc import Mapping
from typing import Annotated

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.evaluation.base import Score, compare
from jaxgan.fields import Either, Field, Widths
from jaxgan.networks.encoder import encoder as convolutional_encoder
from jaxgan.tasks.base import NO_CLASSIFIER, ScoreInputs, Scores, Sheet, Task, mean_and_error
from jaxgan.tasks.completions import Known, completed, k_nearest_known, known, latent_completer, masked_rmse, mean_fill
from jaxgan.tasks.masks import MASKS, Mask, chosen, mixed, suiting
from jaxgan.types import Latent, Network

MEANING = (
    "rmse: over the unknown values, of images in [0, 1], for each example; best: of its {draws} draws, mean: over "
    "them; k nearest: the {draws} nearest training examples in their place; other methods have one completion each. "
    "accuracy: share of completions to which the classifier gives the "
    "example's label, over all draws. Means over the examples with unknown values ± standard errors."
)
NO_SEARCH = (
    "Left out: latent search, which completes with an unconditional generator: train one with --config.task=none on "
    "the same data, and pass its directory as --config.evaluation.other_run."
)
NOTHING_TO_DO = "Left out: {mask}, as every value of every example is known under it."
UNTRAINED = (
    "This run was trained without the mask `nothing`, so its plain samples, with nothing known, do not measure it."
)


def completing(generator: Network, encoder: Network | None = None) -> Network:
    """A generator of the unknown values, x̂ = m·x + (1 − m)·G(z, x·m, m), with the condition `Known`.

    Args:
      generator: G, takes vectors [n, features]: z followed by x·m and m, or by their encoded features.
      encoder: maps x·m and m, concatenated along the last axis, to features [n, ...], without state; None to use the
        values themselves. With an encoder, the parameters are "generator" and "encoder".
    """

    def joined(params, latents, condition):
        seen = [condition.values, condition.mask]
        if encoder is not None:
            seen = [encoder.apply({"params": params["encoder"]}, jnp.concatenate(seen, -1))[0]]
        return jnp.concatenate([part.reshape(latents.shape[0], -1) for part in (latents, *seen)], -1)

    def init(key, inputs, condition=None):
        if encoder is None:
            return generator.init(key, joined({}, inputs, condition))
        params = encoder.init(jax.random.fold_in(key, 1), jnp.concatenate(condition, -1))
        variables = generator.init(key, joined({"encoder": params["params"]}, inputs, condition))
        return {**variables, "params": {"generator": variables["params"], "encoder": params["params"]}}

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        params = variables["params"]
        own = variables if encoder is None else {**variables, "params": params["generator"]}
        made, model_state = generator.apply(own, joined(params, inputs, condition), key=key, train=train)
        return completed(condition, made), model_state

    return generator._replace(init=init, apply=apply)


def seeing_masks(discriminator: Network) -> Network:
    """A discriminator of (x, m), concatenated along the last axis, with the condition `Known` of examples x.

    The inner discriminator takes examples with twice as many entries on the last axis (the channels of images).
    """

    def init(key, inputs, condition=None):
        return discriminator.init(key, jnp.concatenate([inputs, condition.mask], -1))

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        return discriminator.apply(variables, jnp.concatenate([inputs, condition.mask], -1), key=key, train=train)

    return discriminator._replace(init=init, apply=apply)


def inpainting(
    *,
    example_shape: tuple[int, ...],
    latent: Latent,
    masks: Annotated[tuple[str, ...], Either(("all",), MASKS)] = ("all",),
    encoder: Widths = (),
    draws: Annotated[int, Field(low=1, resume=True, modes=("evaluate",))] = 10,
    examples: Annotated[int, Field(low=2, resume=True, modes=("evaluate",))] = 500,
) -> Task:
    """The task of all conditionals.

    Args:
      example_shape: shape of one example.
      latent: the prior p_z(z).
      masks: names in `MASKS`; each example gets one of them, with equal probability. "all": those that suit the
        examples.
      encoder: channels of the generator's convolutions of images, each of which halves the sides; () for none.
      draws: number of completions per example in pictures and scores, ≥ 1.
      examples: maximum number of test examples in the scores.

    Raises:
      ValueError: a mask is unknown, or a mask or the encoder does not suit the examples.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), section 7, item 3.
    """
    used = chosen(masks, example_shape)
    mask = mixed(list(used.values()))
    sees = convolutional_encoder(tuple(encoder), example_shape) if encoder else None

    def prepare(keys, batch):
        drawn = jax.vmap(jax.vmap(lambda key: mask(key, 1, example_shape)[0]))(keys)
        return {**batch, "condition": known(batch["real"], drawn)}

    def condition(count):
        return Known(*[jnp.zeros((count, *example_shape))] * 2)

    return Task(
        generator=lambda network, axis_name: completing(network, sees),
        discriminator=lambda network, axis_name: seeing_masks(network),
        prepare=prepare,
        condition=condition,
        sheet=lambda key, count, shown, prior: sheet(key, count, shown, prior, used, draws),
        measure=lambda trained: measure(trained, used, draws, examples),
    )


def sheet(
    key: chex.PRNGKey, count: int, examples: np.ndarray, latent: Latent, masks: dict[str, Mask], draws: int
) -> Sheet:
    """Rows with an example, its known values (the rest grey) and some completions. The rows cycle through the masks.

    The arrays are "originals", "masks" [rows, ...] and "kinds" [rows]. Completion j of row i is example i·draws + j.
    """
    draws = min(draws, count)
    originals = examples[: max(count // draws, 1)]
    rows, shape = len(originals), examples.shape[1:]
    kinds = np.array([list(masks)[i % len(masks)] for i in range(rows)])
    latent_key, mask_key = jax.random.split(key)
    drawn = {name: mask(jax.random.fold_in(mask_key, i), rows, shape) for i, (name, mask) in enumerate(masks.items())}
    mask = np.stack([np.asarray(drawn[kind][i]) for i, kind in enumerate(kinds)])
    grey = (examples.min() + examples.max()) / 2
    shown = np.where(mask > 0, originals, grey).astype(np.float32)

    def arrange(completions):
        completions = completions.reshape(rows, draws, *shape)
        return np.concatenate([originals[:, None], shown[:, None], completions], 1).reshape(-1, *shape)

    given = known(jnp.repeat(originals, draws, 0), jnp.repeat(mask, draws, 0))
    arrays = {"originals": originals, "masks": mask, "kinds": kinds}
    return Sheet(latent.sample(latent_key, rows * draws), given, arrange, 2 + draws, arrays)


def measure(trained: ScoreInputs, masks: Mapping[str, Mask], draws: int, examples: int) -> Scores:
    """Errors of completions for each mask that suits the data, and for their mixture. Training used `masks`."""
    example_key, *keys = jax.random.split(trained.key, 2)
    chosen = np.sort(np.asarray(jax.random.permutation(example_key, len(trained.test)))[:examples])
    tested = trained.test[chosen]
    labels = None if trained.test_labels is None else trained.test_labels[chosen]
    kinds = {name: mask for name, mask in (suiting(tested.shape[1:]) | dict(masks)).items() if name != "nothing"}
    if len(kinds) > 1:
        kinds["mixed"] = mixed(list(kinds.values()))
    search = None if trained.other is None else latent_completer(trained.other.generate, trained.other.latent)
    measures: list[Score] = []
    notes = [MEANING.format(draws=draws)]
    for number, (name, mask) in enumerate(kinds.items()):
        mask_key, draw_key, search_key = jax.random.split(jax.random.fold_in(keys[0], number), 3)
        drawn = np.asarray(mask(mask_key, len(tested), tested.shape[1:]), np.float32)
        there = (drawn == 0).reshape(len(drawn), -1).any(1)
        if not there.any():
            notes.append(NOTHING_TO_DO.format(mask=name))
            continue
        given = jax.tree.map(np.asarray, known(tested[there], drawn[there]))
        made = _completions(trained, given, draws, draw_key)
        if search is not None:
            made["latent search"] = search(given, search_key)[None]
        measures += _measures(name, trained, made, tested[there], given, None if labels is None else labels[there])
    notes += [NO_SEARCH] if trained.other is None else [f"latent search: in the generator of {trained.other.name}."]
    notes += [NO_CLASSIFIER] if trained.classify is None else []
    notes += [] if "nothing" in masks else [UNTRAINED]
    return Scores(tuple(measures), tuple(notes))


def _completions(trained: ScoreInputs, given: Known, draws: int, key: chex.PRNGKey) -> dict[str, np.ndarray]:
    """[draws, n, ...] by method."""
    count = len(given.values)
    latents = (trained.latent.sample(jax.random.fold_in(key, i), count) for i in range(draws))
    nearest = k_nearest_known(given, trained.train, draws)
    return {
        "this run": np.stack([trained.generate(z, given) for z in latents]),
        "mean fill": mean_fill(given, trained.train)[None],
        "nearest": nearest[:1],
        "k nearest": nearest,
    }


def _measures(
    kind: str,
    trained: ScoreInputs,
    made: Mapping[str, np.ndarray],
    examples: np.ndarray,
    given: Known,
    labels: np.ndarray | None,
) -> list[Score]:
    unit = trained.unit
    errors = {name: masked_rmse(unit(each), unit(examples), given.mask) for name, each in made.items()}
    best = {name: mean_and_error(each.min(0)) for name, each in errors.items()}
    mean = {name: mean_and_error(each.mean(0)) for name, each in errors.items()}
    found = [compare(f"{kind} rmse_best", best, "lower", len(examples))]
    found += [compare(f"{kind} rmse_mean", mean, "lower", len(examples))]
    if trained.classify is None or labels is None:
        return found
    right = {name: np.stack([trained.classify(draw) == labels for draw in each]) for name, each in made.items()}
    values = {name: mean_and_error(each.mean(0)) for name, each in right.items()}
    values["real data"] = mean_and_error(trained.classify(examples) == labels)
    return [*found, compare(f"{kind} accuracy", values, "higher", len(examples))]
