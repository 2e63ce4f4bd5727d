"""Failures that are the user's to mend: what happened, why, and what to do, in one line each."""


class JaxganError(Exception):
    """An expected failure; `launch.py` prints it as one line and exits with `exit_code`.

    Args:
      what: what failed.
      why: the reason, with the offending value.
      remedy: what the reader can do about it.
    """

    exit_code = 1

    def __init__(self, what: str, why: str, remedy: str):
        self.what, self.why, self.remedy = (" ".join(str(part).split()) for part in (what, why, remedy))
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
