"""Signals that ask the command to stop: an exception where it works, and a note in case that is lost.

Python drops an exception that a handler raises within a finaliser or a callback of the garbage collector, and libraries
turn some into errors of their own: an interrupted conversion went on to its end, or ended with their traceback. So the
request is kept as well, and work asks for it between its steps.
"""

import signal
import sys
from types import FrameType

from mmoe.export.progress import Progress

# What a shell says of a process that a signal has ended.
_EXIT_CODE = 128


class _Request:
    number: int | None = None
    tell_lost = staticmethod(sys.__unraisablehook__)


_request = _Request()


def stop_on_signals() -> None:
    """From now on SIGINT, SIGTERM and SIGHUP end the work by way of every `finally`; earlier requests are void."""
    _request.number = None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _take)
    if sys.unraisablehook is not _tell_unless_asked:
        _request.tell_lost = sys.unraisablehook
        sys.unraisablehook = _tell_unless_asked


def stop_code() -> int | None:
    """The exit code of a command that was asked to stop; None if it was not."""
    return None if _request.number is None else _EXIT_CODE + _request.number


class StoppableProgress:
    """Progress during which a request to stop is not lost."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown

    def phase(self, title: str) -> None:
        """A phase begins, unless there was a request."""
        _stop_if_asked()
        self._shown.phase(title)

    def step(self, done: int, total: int) -> None:
        """A part of the phase is over, after which there may be a request."""
        _stop_if_asked()
        self._shown.step(done, total)


def _take(number: int, _: FrameType | None) -> None:
    _request.number = number
    _stop_if_asked()


def _tell_unless_asked(lost: "sys.UnraisableHookArgs") -> None:
    if _request.number is None or not issubclass(lost.exc_type, KeyboardInterrupt | SystemExit):
        _request.tell_lost(lost)


def _stop_if_asked() -> None:
    if _request.number == signal.SIGINT:
        raise KeyboardInterrupt
    if (code := stop_code()) is not None:
        raise SystemExit(code)
