"""Tables of named entries, and suggestions for unknown names."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

ELSEWHERE = {
    # Fields.
    "beta1": ("b1",),
    "beta2": ("b2",),
    "ema": ("average_decay",),
    "ema_decay": ("average_decay",),
    "epochs": ("steps",),
    "iterations": ("steps",),
    "latent_dim": ("dim",),
    "lr": ("learning_rate",),
    "n_critic": ("discriminator_steps",),
    "z_dim": ("dim",),
    # Losses, penalties and terms.
    "acgan": ("auxiliary_classifier",),
    "bce": ("non_saturating",),
    "gp": ("gradient_penalty",),
    "infogan": ("mutual_information",),
    "lsgan": ("least_squares",),
    "mse": ("least_squares",),
    "nsgan": ("non_saturating",),
    "ragan": ("relativistic_average",),
    "rpgan": ("relativistic_paired",),
    "rsgan": ("relativistic_paired",),
    "saturating": ("minimax",),
    "vanilla": ("minimax",),
    "wgan": ("wasserstein",),
    "wgan_gp": ("wasserstein", "gradient_penalty"),
    # Parts of networks.
    "bn": ("batch",),
    "dense": ("mlp",),
    "diffaugment": ("color", "translation", "cutout"),
    "he": ("he_normal",),
    "identity": ("linear",),
    "kaiming": ("he_normal",),
    "kaiming_normal": ("he_normal",),
    "ln": ("layer",),
    "lrelu": ("leaky_relu",),
    "sn": ("spectral",),
    "swish": ("silu",),
    "xavier": ("glorot_uniform",),
    "xavier_uniform": ("glorot_uniform",),
    # Latents, optimizers, data, scores and draws of a sweep.
    "cifar10": ("tfds",),
    "fashion_mnist": ("idx", "tfds"),
    "fid": ("frechet",),
    "gaussian": ("normal",),
    "kid": ("kernel",),
    "log_uniform": ("log",),
    "loguniform": ("log",),
    "mnist": ("digits", "idx", "tfds"),
    "momentum": ("sgd",),
    "oadam": ("optimistic_adam",),
    "prdc": ("precision_recall",),
    "swd": ("sliced_wasserstein",),
}
"""Names that other libraries use for a field or table entry, with the names used here."""


def elsewhere(name: str) -> tuple[str, ...]:
    """The names used here for what other libraries call `name`."""
    return ELSEWHERE.get(_plain(name), ())


def _plain(name: object) -> str:
    """A name normalised to the spelling used here."""
    return str(name).lower().replace("-", "_")


def near(name: object, known: Iterable[str]) -> list[str]:
    """The known names most similar to `name`."""
    known, plain = list(known), _plain(name)
    same = [other for other in (plain, *elsewhere(plain)) if other in known]
    return same or difflib.get_close_matches(plain, known, n=2)


def nearest(name: object, known: Iterable[str]) -> str:
    """`; did you mean x?` with the known names most similar to `name`, or an empty string."""
    return f"; {did_you_mean(near(name, known))}".removesuffix("; ")


def did_you_mean(names: Iterable[object]) -> str:
    """`did you mean x or y?`; an empty string without names."""
    listed = " or ".join(map(str, names))
    return listed and f"did you mean {listed}?"


class UnknownNameError(KeyError, ValueError):
    """A table has no entry with this name; the message lists similar names, or all."""

    def __init__(self, kind: str, name: object, known: Iterable[str]):
        known = list(known)
        super().__init__(f"unknown {kind} {name!r}{nearest(name, known) or '; one of ' + ', '.join(known)}")

    def __str__(self) -> str:
        return self.args[0]  # not its repr, which KeyError would use


class Table(dict[str, Any]):
    """A dict whose unknown names raise `UnknownNameError` with suggestions: `Table("loss") | {...}`.

    Args:
      kind: a description of the entries, for the message.
      entries: entries of the table.
    """

    def __init__(self, kind: str, entries: Mapping[str, Any] = {}):
        super().__init__(entries)
        self.kind = kind

    def __missing__(self, name: object) -> Any:
        raise UnknownNameError(self.kind, name, self)

    def __or__(self, entries: Mapping[str, Any]) -> "Table":  # type: ignore[override]
        return Table(self.kind, {**self, **entries})
