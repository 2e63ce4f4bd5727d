"""Failures that the user can fix. Each error says what happened, why, and what to do, in one line."""

MOST_LETTERS = 4_000
"""Maximum length of each part of a message, in characters."""

MOST_IN_A_WORD = 300
"""Maximum length of each word of a message, which may be a value, a name or a path."""


def in_one_line(text: object) -> str:
    """Makes a text fit one line of a terminal: removes control characters and cuts long texts in the middle."""
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
    announced = "jaxgan: error: "

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
    """A loss or a parameter is no longer finite. Checkpoints, all of which are finite, are kept."""

    exit_code = 4


class PreemptedError(JaxganError):
    """The run was asked to stop. A checkpoint is saved; the same command resumes from it."""

    exit_code = 75
    announced = "jaxgan: "


class PeerLostError(JaxganError):
    """Another process of the run is gone. Checkpoints are kept; the same commands resume from the newest."""

    exit_code = 75
