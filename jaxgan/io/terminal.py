"""Prints to the terminal if possible; a failure to print never ends a program."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO


class Lenient:
    """A stream that drops what cannot be written, because the terminal or reader is gone or the log's disk is full.

    Args:
      stream: any text stream.
    """

    def __init__(self, stream: TextIO):
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Writes a text, or drops it if that fails."""
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flushes, if possible."""
        with contextlib.suppress(OSError):
            self._stream.flush()


@contextlib.contextmanager
def lenient_output() -> Iterator[None]:
    """In this context, standard output and error are lenient, and replace characters that they cannot encode."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_lenient, before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in filter(None, before):
            _settle(stream)


def _lenient(stream: TextIO | None) -> Any:
    if stream is None:  # closed by the parent process
        return open(os.devnull, "w")
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")
    return Lenient(stream)


def _settle(stream: TextIO) -> None:
    """Flushes the stream, or redirects it to nowhere, so that Python's final flush does not fail."""
    try:
        stream.flush()
    except OSError:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())
