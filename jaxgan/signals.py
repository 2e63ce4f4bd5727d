"""SIGTERM and SIGINT (Ctrl-C): the first ends the process with one line and exit code 75, the second does so at once.

A thread answers them. Python's own handlers wait for the main thread, which may be compiling for a minute; and an
exception that a handler raises is lost where other software catches everything.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from jaxgan.errors import JaxganError, PreemptedError

SIGNALS = (signal.SIGTERM, signal.SIGINT)

_holder: "StopRequest | None" = None
_where: Callable[[], str] = str


def stopped(name: str) -> PreemptedError:
    """The error of a process that a signal ended where nothing had to be saved."""
    why = "it was not finished, and what was saved before is kept"
    return PreemptedError(f"stopped by {name}{_where()}", why, "run the same command again")


@contextlib.contextmanager
def located(where: Callable[[], str]) -> Iterator[None]:
    """While it is held, an end by a signal says where: " after 3 of 12 parts of the evaluation"."""
    global _where
    before, _where = _where, where
    try:
        yield
    finally:
        _where = before


def abandon(error: JaxganError) -> NoReturn:
    """Ends this process at once, without waiting for its threads or for other processes."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    _say(f"jaxgan: error: {error}")
    os._exit(error.exit_code)


def end_on_signals() -> None:
    """From now on a signal ends this process at once, unless a `StopRequest` is held. For its main thread."""
    _Watcher()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def ignore_signals() -> None:
    """For a process that is done, and has its exit code."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class StopRequest:
    """While it is held, the first signal only sets `signal_name`, so that there is time to save. A context manager,
    which releases it.

    Args:
      answer: what is printed at the first signal, behind "stopping".

    Attributes:
      signal_name: name of the signal received, or None.
    """

    def __init__(self, answer: str = "after this chunk of steps, with a checkpoint") -> None:
        self.signal_name: str | None = None
        self.answer = answer
        self._watcher: _Watcher | None = None

    def __enter__(self) -> "StopRequest":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def hold(self) -> None:
        """Holds it from now on; a second call has no effect."""
        global _holder
        if self._watcher is None and threading.current_thread() is threading.main_thread():
            _holder = self
            self._watcher = _Watcher()  # its own: JAX may have set handlers since the process began

    def release(self) -> None:
        """Leaves signals to the handlers that were there before. Afterwards `signal_name` does not change."""
        global _holder
        if self._watcher is not None:
            self._watcher.close()
            self._watcher, _holder = None, None


class _Watcher:
    """A thread that answers signals, from now until `close`."""

    def __init__(self) -> None:
        reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        # Without a handler in Python nothing is written to the pipe.
        self._handlers: dict[Any, Any] = {number: signal.signal(number, _nothing) for number in SIGNALS}
        self._thread = threading.Thread(target=_watch, args=(reader,), name="signals", daemon=True)
        self._thread.start()

    def close(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._before)
        os.close(self._writer)
        self._thread.join()  # it answers what came before


def _nothing(*_: object) -> None:
    pass


def _watch(reader: int) -> None:
    while numbers := os.read(reader, 1):
        if numbers[0] in SIGNALS:
            _answer(signal.Signals(numbers[0]).name)
    os.close(reader)


def _answer(name: str) -> None:
    if _holder is None:
        abandon(stopped(name))
    if _holder.signal_name is not None:
        abandon(stopped(f"a second signal, {name}"))
    _holder.signal_name = name
    again = "press Ctrl-C again" if name == "SIGINT" else "send it again"
    _say(f"jaxgan: {name}: stopping {_holder.answer}; {again} to quit at once")


def _say(line: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
        # A terminal has a bar, and ^C, in the line where the cursor is.
        print(f"\n{line}" if sys.stderr.isatty() else line, file=sys.stderr, flush=True)


def _forget() -> None:
    """A process that was forked shares the pipe; the signals it gets, as Ctrl-C gives to all, are not second ones."""
    if any(signal.getsignal(number) is _nothing for number in SIGNALS):
        signal.set_wakeup_fd(-1)
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)


os.register_at_fork(after_in_child=_forget)
