"""SIGTERM and SIGINT (Ctrl-C): the first ends the process with one line and exit code 75, the second does so at once.

A separate thread handles them. Python's own handlers wait for the main thread, which may be compiling for a minute; and
an exception raised by a handler is lost if other software catches everything.
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
    """The error of a process that was ended by a signal and had nothing to save."""
    why = "this command did not finish; what it had saved is kept"
    return PreemptedError(f"stopped by {name}{_where()}", why, "run the same command again")


@contextlib.contextmanager
def located(where: Callable[[], str]) -> Iterator[None]:
    """In this context, the message after a signal says where: " after 3 of 12 parts of the evaluation"."""
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
    _say(f"{error.announced}{error}")
    os._exit(error.exit_code)


def end_on_signals() -> None:
    """From now on a signal ends this process at once, unless a `StopRequest` is held. Call it from the main thread."""
    _Watcher()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def ignore_signals() -> None:
    """Ignores signals; for a finished process that already has its exit code."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class StopRequest:
    """While it is held, the first signal only sets `signal_name`, so that there is time to save. A context manager that
    releases it.

    Args:
      answer: text printed at the first signal, after "stopping".

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
        """Holds the request from now on; a second call does nothing."""
        global _holder
        if self._watcher is None and threading.current_thread() is threading.main_thread():
            _holder = self
            self._watcher = _Watcher()  # a new watcher, since JAX may have installed handlers in the meantime

    def release(self) -> None:
        """Restores the previous signal handlers. Afterwards `signal_name` does not change."""
        global _holder
        if self._watcher is not None:
            self._watcher.close()
            self._watcher, _holder = None, None


class _Watcher:
    """A thread that handles signals until `close`."""

    def __init__(self) -> None:
        reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        # Without a Python handler, nothing is written to the pipe.
        self._handlers: dict[Any, Any] = {number: signal.signal(number, _nothing) for number in SIGNALS}
        self._thread = threading.Thread(target=_watch, args=(reader,), name="signals", daemon=True)
        self._thread.start()

    def close(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._before)
        os.close(self._writer)
        self._thread.join()  # the thread first handles earlier signals


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
    with contextlib.suppress(OSError, ValueError):  # nobody reads the output any more
        # On a terminal, the cursor's line already has a bar or ^C.
        print(f"\n{line}" if sys.stderr.isatty() else line, file=sys.stderr, flush=True)


def _forget() -> None:
    """A forked process shares the pipe. Signals sent to all, as by Ctrl-C, must not count as second ones."""
    if any(signal.getsignal(number) is _nothing for number in SIGNALS):
        signal.set_wakeup_fd(-1)
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)


os.register_at_fork(after_in_child=_forget)
