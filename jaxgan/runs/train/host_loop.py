"""The loop around compiled steps, of a run and of a sweep's members alike, and how it is stopped from outside."""

import abc
import signal
import threading
from collections.abc import Iterable
from types import FrameType
from typing import Any


class HostLoop(abc.ABC):
    """Runs chunk after chunk of compiled steps, and between them what is due on the host.

    The metrics of a chunk are read while the next chunk computes, so the device does not wait for the host.
    """

    def loop(self, state: Any, stops: list[int], batches: Iterable[Any]) -> Any:
        """Runs the chunks from stops[i] to stops[i + 1].

        Args:
          state: of the first step; its buffers are donated.
          stops: steps at which chunks begin and end.
          batches: of each chunk.

        Returns:
          The last state.

        Raises:
          JaxganError: what `record` or `settle` raises.
        """
        waiting: Any = None
        for start, stop, batch in zip(stops, stops[1:], batches, strict=False):
            # Dispatch a chunk, which returns at once.
            state, metrics = self.advance(state, batch, start)
            # Read the metrics of the chunk before, which is done or soon will be.
            if waiting is not None:
                self.record(*waiting)
            waiting = start, metrics, self.measure(stop, state)
            if not self.is_due(stop):
                continue
            # Something is due at this step: it needs the metrics so far, and so waits for this chunk.
            self.record(*waiting)
            waiting = None
            if self.settle(stop, state):
                break
        return state

    @abc.abstractmethod
    def advance(self, state: Any, batch: Any, start: int) -> tuple[Any, dict[str, Any]]:
        """Dispatches the chunk that begins at a step: `(state, metrics)`."""

    @abc.abstractmethod
    def record(self, start: int, metrics: dict[str, Any], measured: dict[str, Any]) -> None:
        """Takes the metrics of the chunk that began at a step, and what `measure` returned after it."""

    @abc.abstractmethod
    def is_due(self, stop: int) -> bool:
        """Whether the host has to do something with the state of a step, or the loop has to end there."""

    @abc.abstractmethod
    def settle(self, stop: int, state: Any) -> bool:
        """Does what is due at a step; True ends the loop."""

    def measure(self, stop: int, state: Any) -> dict[str, Any]:
        """Starts to compute further metrics of a state, on the device."""
        return {}


def chunk_stops(first: int, last: int, chunk: int) -> list[int]:
    """The steps at which chunks end: multiples of `chunk`, so a resumed run cuts them as an uninterrupted one does."""
    return [first, *range((first // chunk + 1) * chunk, last, chunk), last]


class StopRequest:
    """A context in which the first SIGTERM or SIGINT (Ctrl-C) only sets `signal_name`; a second ends the process.

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
