"""What Orbax tells that a user need not read: dozens of lines a save, and tracebacks of what is raised as well."""

import asyncio
import functools
import logging
import sys
from pathlib import Path
from types import TracebackType

_CALL_SOON = asyncio.BaseEventLoop.call_soon_threadsafe.__code__


def _worth_saying(record: logging.LogRecord) -> bool:
    if "orbax" not in Path(record.pathname).parts:
        return True
    # What carries a traceback is raised as well, and told in one line by this file.
    return record.levelno >= logging.ERROR and not record.exc_info


def _not_of_a_write(record: logging.LogRecord) -> bool:
    """Whether asyncio tells of anything but a failed write of Orbax's, which raises the first of many alone."""
    error = record.exc_info[1] if record.exc_info else None
    trace = error.__traceback__ if error is not None else None
    if isinstance(error, ValueError) and trace is None and "Error writing" in str(error):
        return False  # TensorStore's own, which no Python has raised, of a write that nobody waits for any more
    while trace is not None:
        if "orbax" in Path(trace.tb_frame.f_code.co_filename).parts:
            return False
        trace = trace.tb_next
    return True


def _of_a_write_given_up(error: BaseException | None, trace: TracebackType | None) -> bool:
    """Whether a thread of TensorStore's wanted to tell of a write to an event loop that a failed one has closed: there
    are hundreds when a disk is full. Such a thread has no Python of its own, so that the first frame is the loop's."""
    return isinstance(error, RuntimeError) and trace is not None and trace.tb_frame.f_code is _CALL_SOON


@functools.cache
def _filter_unraisable() -> None:
    before = sys.unraisablehook

    def told(unraisable):
        if not _of_a_write_given_up(unraisable.exc_value, unraisable.exc_traceback):
            before(unraisable)

    sys.unraisablehook = told


def silence_orbax() -> None:
    """Lets through what is worth saying, once for the process."""
    _filter_unraisable()
    # Orbax logs dozens of lines per save through absl's logger, which others use too: filter by file, not by level.
    logging.getLogger("absl").addFilter(_worth_saying)
    logging.getLogger("asyncio").addFilter(_not_of_a_write)
