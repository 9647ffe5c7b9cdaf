"""A stream that Ctrl-C ends by itself, and nothing around it."""

import queue
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmoe.runtime_bindings.python.stream import Stream


def interruptible(stream: "Stream") -> Iterator[str]:
    """The pieces of a stream, which SIGINT cancels while they are read; for the main thread.

    The library works on another thread: Python handles signals on this one, and only between its own steps, of which a
    long prompt has none.

    Raises:
        CoreFailure: As the stream does.
    """
    # Of one piece, so that the library is no further ahead than the reader.
    pieces: queue.Queue[str | BaseException | None] = queue.Queue(maxsize=1)

    def read() -> None:
        end: BaseException | None = None
        try:
            for piece in stream:
                pieces.put(piece)
        except BaseException as error:
            end = error
        pieces.put(end)

    def cancel(_number: int, _frame: FrameType | None) -> None:
        stream.cancel()

    previous = signal.signal(signal.SIGINT, cancel)
    threading.Thread(target=read).start()
    piece: str | BaseException | None = ""
    try:
        while isinstance(piece := pieces.get(), str):
            yield piece
        if piece is not None:
            raise piece
    finally:
        stream.cancel()
        while isinstance(piece, str):  # left before its end
            piece = pieces.get()
        signal.signal(signal.SIGINT, previous)
