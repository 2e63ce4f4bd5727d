"""Stopping a run from outside: the first signal asks it to save and end, the second ends it at once."""

import signal
import threading
from types import FrameType


class StopRequest:
    """A context in which SIGTERM and SIGINT (Ctrl-C) set `signal_name` instead of ending the process.

    Attributes:
      signal_name: name of the signal received, or None.
    """

    def __init__(self) -> None:
        self.signal_name: str | None = None
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():  # elsewhere signals cannot be caught
            for number in (signal.SIGTERM, signal.SIGINT):
                self._previous[number] = signal.signal(number, self._request)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _request(self, number: int, _: FrameType | None) -> None:
        self.signal_name = signal.Signals(number).name
        signal.signal(number, signal.SIG_DFL)
