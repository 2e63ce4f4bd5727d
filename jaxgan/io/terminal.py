"""What is printed reaches the terminal if it can, and never ends a program."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO


class Lenient:
    """A stream that drops what cannot be written: the terminal or the reader is gone, or the log's disk is full.

    Args:
      stream: any.
    """

    def __init__(self, stream: TextIO):
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Writes a text, or drops it."""
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flushes, if that is possible."""
        with contextlib.suppress(OSError):
            self._stream.flush()


@contextlib.contextmanager
def lenient_output() -> Iterator[None]:
    """Standard output and error are lenient in this context, and replace letters that they do not have."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_lenient, before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in filter(None, before):
            _settle(stream)


def _lenient(stream: TextIO | None) -> Any:
    if stream is None:  # closed by whoever started the program
        return open(os.devnull, "w")
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")
    return Lenient(stream)


def _settle(stream: TextIO) -> None:
    """Writes what is left, or sends it nowhere, so that Python does not fail to write it when it ends."""
    try:
        stream.flush()
    except OSError:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())
