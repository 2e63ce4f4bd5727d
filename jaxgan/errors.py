"""Failures that are the user's to mend: what happened, why, and what to do, in one line each."""

MOST_LETTERS = 4_000
"""Of each part of a message."""

MOST_IN_A_WORD = 300
"""Letters of each word of a message, which may be a value, a name or a path."""


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
