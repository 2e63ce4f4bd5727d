"""How good completions are, beside those of simpler ways on the same masks."""

from collections.abc import Callable, Mapping

import chex
import jax
import numpy as np

from jaxgan.evaluation.base import Score, compare
from jaxgan.tasks.base import Scores, Trained, mean_and_error
from jaxgan.tasks.completions import Known, known, latent_search, masked_rmse, mean_fill, nearest_known
from jaxgan.tasks.masks import Mask, mixed, suiting

MEANING = (
    "rmse: over the values that were not known, of images in [0, 1], for each example; best: of its {draws} draws, "
    "mean: over them; other methods have one completion each. accuracy: share of completions that the classifier gives "
    "the example's label, over all draws. Means over the examples of which something was not known ± standard errors."
)
NO_SEARCH = (
    "Left out: latent search, which completes by an unconditional generator: train one with --config.task=none on the "
    "same data, and give its directory as --config.evaluation.other_run."
)
NO_CLASSIFIER = "Left out: accuracy, for which evaluation.features must be a classifier of the data's own labels."
NOTHING_TO_DO = "Left out: {mask}, as every value of every example is known under it."
UNTRAINED = (
    "This run was trained without the mask `nothing`, so its plain samples, with nothing known, are no measure of it."
)


def measure(trained: Trained, masks: Mapping[str, Mask], draws: int, examples: int) -> Scores:
    """Errors of completions under every kind of mask that suits the data, trained on or not, and under a mixture.

    Args:
      trained: the generator and the data.
      masks: those the run was trained on, by name.
      draws: completions of each example, ≥ 1.
      examples: test examples to complete, at most.

    Returns:
      For each kind "KIND rmse_best", "KIND rmse_mean" and, with a classifier, "KIND accuracy", by method.
    """
    example_key, *keys = jax.random.split(trained.key, 2)
    chosen = np.sort(np.asarray(jax.random.permutation(example_key, len(trained.test)))[:examples])
    tested = trained.test[chosen]
    labels = None if trained.test_labels is None else trained.test_labels[chosen]
    kinds = {name: mask for name, mask in (suiting(tested.shape[1:]) | dict(masks)).items() if name != "nothing"}
    if len(kinds) > 1:
        kinds["mixed"] = mixed(list(kinds.values()))
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
        made = _completions(trained, given, draws, draw_key, search_key)
        measures += _measures(name, trained, made, tested[there], given, None if labels is None else labels[there])
    notes += [NO_SEARCH] if trained.other is None else [f"latent search: in the generator of {trained.other.name}."]
    notes += [NO_CLASSIFIER] if trained.classify is None else []
    notes += [] if "nothing" in masks else [UNTRAINED]
    return Scores(tuple(measures), tuple(notes))


def _completions(
    trained: Trained, given: Known, draws: int, draw_key: chex.PRNGKey, search_key: chex.PRNGKey
) -> dict[str, np.ndarray]:
    """[draws, n, ...] by method."""
    count = len(given.values)
    latents = (trained.latent.sample(jax.random.fold_in(draw_key, i), count) for i in range(draws))
    made = {
        "this run": np.stack([trained.generate(z, given) for z in latents]),
        "mean fill": mean_fill(given, trained.train)[None],
        "nearest": nearest_known(given, trained.train)[None],
    }
    if trained.other is not None:
        made["latent search"] = latent_search(trained.other.generate, trained.other.latent, given, search_key)[None]
    return made


def _measures(
    kind: str,
    trained: Trained,
    made: Mapping[str, np.ndarray],
    examples: np.ndarray,
    given: Known,
    labels: np.ndarray | None,
) -> list[Score]:
    unit = trained.unit
    errors = {name: masked_rmse(unit(each), unit(examples), given.mask) for name, each in made.items()}
    ways: dict[str, Callable[[np.ndarray], np.ndarray]] = {"best": lambda e: e.min(0), "mean": lambda e: e.mean(0)}
    found = [
        compare(
            f"{kind} rmse_{way}",
            {name: mean_and_error(take(each)) for name, each in errors.items()},
            "lower",
            len(examples),
        )
        for way, take in ways.items()
    ]
    if trained.classify is None or labels is None:
        return found
    right = {name: np.stack([trained.classify(draw) == labels for draw in each]) for name, each in made.items()}
    values = {name: mean_and_error(each.mean(0)) for name, each in right.items()}
    values["real data"] = mean_and_error(trained.classify(examples) == labels)
    return [*found, compare(f"{kind} accuracy", values, "higher", len(examples))]
