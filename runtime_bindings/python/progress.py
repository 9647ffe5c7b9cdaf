"""How far loading a model is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from mmoe.runtime_bindings.python.core import CoreFailure, OnProgressFunction, Status


class LoadStage(IntEnum):
    """What is being done."""

    CHECKSUMS = 0
    """Every file is read and compared with the manifest, with `verify_checksums` only; in bytes."""
    TOKENIZER = 1
    """The tokenizer and the chat template are read; in one piece."""
    PROGRAM = 2
    """`model.pte` is mapped and looked through, its weights are not read; in one piece."""
    WEIGHTS = 3
    """Of `Model.warm_up`: all of `model.pte` is read into memory; in bytes."""
    FIRST_CALL = 4
    """Of `Model.warm_up`: the program runs; in one piece."""


@dataclass(frozen=True, kw_only=True)
class LoadProgress:
    """How far a stage is: work that is done, no estimate of time.

    Attributes:
        stage: The stage.
        done: Of `total`: 0 when the stage begins, `total` when it has ended.
        total: Bytes of the stage; 1 for one that is done in one piece.
    """

    stage: LoadStage
    done: int
    total: int


OnProgress = Callable[[LoadProgress], object]
"""What is told of the progress, on the thread that waits for it; an exception from it ends the work and is raised."""


@contextmanager
def progress_function(on_progress: OnProgress | None) -> Iterator[Any]:
    """The library's function that tells `on_progress`; what that raised is raised when the work has ended for it."""
    raised: list[BaseException] = []

    def tell(_: int | None, stage: int, done: int, total: int) -> int:
        try:
            if on_progress is not None:
                on_progress(LoadProgress(stage=LoadStage(stage), done=done, total=total))
        except BaseException as error:  # an interrupt, too
            raised.append(error)
        return len(raised)

    try:
        yield OnProgressFunction() if on_progress is None else OnProgressFunction(tell)
    except CoreFailure as failure:
        if raised and failure.status is Status.CANCELLED:
            raise raised[0] from None
        raise
