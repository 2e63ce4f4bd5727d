"""Starts a run from layers of another run: `config.start`."""

import os
import re
from collections.abc import Mapping
from typing import Any

import jax
from jax.tree_util import keystr, tree_flatten_with_path

from jaxgan.config import Experiment
from jaxgan.errors import UsageError
from jaxgan.io.atomic import local_path
from jaxgan.io.checkpoints import PLAYERS, Checkpoints
from jaxgan.training.init import start_average
from jaxgan.types import PlayerState, TrainState

NUMBERED = re.compile(r"((?:[^/]+/)*?[^/]*?_)(\d+)(/.*)")
"""Path of a leaf in a layer named by flax: the layer's kind, its number among layers of this kind, and the rest."""


def started(state: TrainState, config: Mapping[str, Any], experiment: Experiment) -> TrainState:
    """An initial state whose players have the parameters and statistics of another run's newest checkpoint.

    Optimizers and the moving average are initialised anew.

    Args:
      state: the state before the first step.
      config: a complete config; `start.run` is the other run.
      experiment: built from this config.

    Raises:
      UsageError: there is no such run, or one of its layers does not fit.
      DataError: the checkpoint is damaged.
    """
    section = config["start"]
    directory = local_path(section["run"], "start.run=") / "checkpoints"
    if not os.path.isdir(directory):
        raise UsageError(f"start.run={section['run']} has no checkpoints", "no run was trained there", "name a run")
    with Checkpoints(directory, keep=1) as checkpoints:
        saved = checkpoints.players()
    for name in PLAYERS:
        if section[name] != "none":
            player, last = getattr(state, name), section[name] == "last"
            parts = {
                part: _taken(getattr(player, part), saved[name][part], last, f"the {name} of {section['run']}")
                for part in ("params", "model_state")
            }
            tx = experiment.options[f"{name}_tx"]
            state = state.replace(**{name: PlayerState(**parts, opt_state=jax.jit(tx.init)(parts["params"]))})
    if state.average_params is None:
        return state
    return start_average(state.replace(average_params=None, average_state=None))


def _taken(own: Any, saved: Any, last: bool, whose: str) -> Any:
    """A pytree like `own` with the leaves of `saved`; with `last`, only those of its last layers."""
    ours, theirs = _by_path(own), _by_path(saved)
    if last:
        theirs = _as_last_layers(theirs, ours)
    paths = theirs.keys() if last else ours.keys() | theirs.keys()
    for path in sorted(paths):
        there, here = (str(leaves[path].shape) if path in leaves else "absent" for leaves in (theirs, ours))
        if there != here:
            raise UsageError(
                f"this run cannot start from {whose}",
                f"{path} is {there} there and {here} here",
                "give both the same network; start.generator and start.discriminator say which layers are taken",
            )
    return jax.tree.unflatten(jax.tree.structure(own), [theirs.get(path, leaf) for path, leaf in ours.items()])


def _by_path(tree: Any) -> dict[str, jax.Array]:
    return {keystr(path, simple=True, separator="/"): leaf for path, leaf in tree_flatten_with_path(tree)[0]}


def _as_last_layers(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Renames leaves for a network with more layers in front: for each kind of layer, the last one stays last."""
    more = {kind: count - _counts(theirs).get(kind, 0) for kind, count in _counts(ours).items()}

    def moved(path: str) -> str:
        if not (layer := NUMBERED.fullmatch(path)):
            return path
        kind, number, rest = layer.groups()
        return f"{kind}{int(number) + more.get(kind, 0)}{rest}"

    return {moved(path): leaf for path, leaf in theirs.items()}


def _counts(leaves: Mapping[str, Any]) -> dict[str, int]:
    """The number of layers of each kind."""
    counts: dict[str, int] = {}
    for layer in filter(None, map(NUMBERED.fullmatch, leaves)):
        counts[layer[1]] = max(counts.get(layer[1], 0), int(layer[2]) + 1)
    return counts
