"""Shows the phases of long work on stderr: a live display in a terminal, one line for each phase elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress as RichProgress
from rich.progress import ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text


class LineProgress:
    """One line when a phase begins, with the seconds since the start; for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.perf_counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """A failure is told by whoever catches it."""

    def phase(self, title: str) -> None:
        """A phase begins."""
        elapsed = time.perf_counter() - self._started
        self._console.print(f"{elapsed:7.1f} s  {title}", soft_wrap=True, markup=False)

    def step(self, done: int, total: int) -> None:
        """Left out: one line for each phase."""


class LiveProgress:
    """Every phase with its time: finished ones ticked, the current one spinning with its steps."""

    def __init__(self, console: Console) -> None:
        self._display = RichProgress(
            _MarkColumn(),
            TextColumn("{task.description}"),
            TextColumn("[dim]{task.fields[steps]}"),
            TimeElapsedColumn(),
            console=console,
        )
        self._current: Task | None = None

    def __enter__(self) -> Self:
        self._display.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish("[green]✓" if error is None else "[red]✗")
        self._display.stop()

    def phase(self, title: str) -> None:
        """A phase begins, and the one before it is over."""
        self._finish("[green]✓")
        task_id = self._display.add_task(title, total=None, steps="", mark="")
        self._current = next(task for task in self._display.tasks if task.id == task_id)

    def step(self, done: int, total: int) -> None:
        """Shows how far the current phase is."""
        if self._current is not None:
            self._display.update(self._current.id, steps=f"{done}/{total}")

    def _finish(self, mark: str) -> None:
        if self._current is not None:
            self._display.update(self._current.id, total=1, completed=1, steps="", mark=mark)


class _MarkColumn(ProgressColumn):
    """A spinner while a phase runs, its mark afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self._spinner = SpinnerColumn()

    def render(self, task: Task) -> Text:
        """The cell of one phase."""
        if task.fields["mark"]:
            return Text.from_markup(task.fields["mark"])
        spinner = self._spinner.render(task)
        assert isinstance(spinner, Text)
        return spinner
