"""Failures that are the user's to mend: what happened, why, and what to do, in one line each."""

import difflib
from collections.abc import Iterable

MOST_LETTERS = 4_000
"""Of each part of a message."""

MOST_IN_A_WORD = 300
"""Letters of each word of a message, which may be a value, a name or a path."""


ELSEWHERE = {
    "lr": "learning_rate",
    "beta1": "b1",
    "beta2": "b2",
    "epochs": "steps",
    "iterations": "steps",
    "ema": "average_decay",
    "ema_decay": "average_decay",
    "n_critic": "discriminator_steps",
    "z_dim": "dim",
    "latent_dim": "dim",
    "fid": "frechet",
    "kid": "kernel",
    "vanilla": "minimax",
    "bce": "non_saturating",
    "lsgan": "least_squares",
    "wgan": "wasserstein",
}
"""Names that other libraries use for a field or an entry of a table, with the names here."""


def in_one_line(text: object) -> str:
    """A text for one line of a terminal: without control characters, and what is too long is cut in the middle."""
    line = _shortened(" ".join(_shortened(word, MOST_IN_A_WORD) for word in str(text).split()), MOST_LETTERS)
    if line.isprintable():
        return line
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in line)


def _shortened(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}…({len(text) - most // 2 * 2:,} letters)…{text[-(most // 2) :]}"


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean x?` with the known names most like `name`, or an empty string."""
    known, here = list(known), ELSEWHERE.get(name.lower())
    return f"; {did_you_mean([here] if here in known else difflib.get_close_matches(name, known, n=2))}".removesuffix(
        "; "
    )


def did_you_mean(names: Iterable[object]) -> str:
    """`did you mean x or y?`, or an empty string without names."""
    listed = " or ".join(map(str, names))
    return listed and f"did you mean {listed}?"


class JaxganError(Exception):
    """An expected failure; `launch.py` prints it as one line and exits with `exit_code`.

    Args:
      what: what failed.
      why: the reason, with the offending value.
      remedy: what the reader can do about it.
    """

    exit_code = 1

    def __init__(self, what: str, why: str, remedy: str):
        self.what, self.why, self.remedy = map(in_one_line, (what, why, remedy))
        super().__init__(f"{self.what}; {self.why}; {self.remedy}")


class UsageError(JaxganError):
    """A bad flag, config or work directory."""

    exit_code = 2


class WriteError(JaxganError):
    """A file that cannot be written, for example because the disk is full."""


class DataError(JaxganError):
    """Data that is missing, truncated, corrupt or of the wrong kind."""

    exit_code = 3


class DivergedError(JaxganError):
    """A loss or a parameter stopped being finite; checkpoints, all of which are finite, are kept."""

    exit_code = 4


class PreemptedError(JaxganError):
    """The run was told to stop; a checkpoint is saved and the same command goes on from it."""

    exit_code = 75


class PeerLostError(JaxganError):
    """Another process of the run is gone; checkpoints are kept and the same commands go on from the newest."""

    exit_code = 75
