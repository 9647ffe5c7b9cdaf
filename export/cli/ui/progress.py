"""Shows the phases of long work on stderr: a live display in a terminal, lines elsewhere; both with the time left."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress as RichProgress
from rich.progress import ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from mmoe.export.cli.ui.units import format_seconds

# A phase that takes this long tells in a log how far it is, and again after as long.
_SECONDS_BETWEEN_LINES = 10.0


class _Phase:
    """How far a phase is, in words."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    def steps(self, done: int, total: int) -> str:
        """Such as ``3/12, 41 s left``, as if all steps took as long as those before; no time before the first."""
        left = (time.perf_counter() - self._started) / done * (total - done) if 0 < done < total else 0.0
        return f"{done}/{total}" + (f", {format_seconds(left)} left" if left else "")


class LineProgress:
    """A line when a phase begins, and now and then during a long one, with the seconds since the start."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = self._told = time.perf_counter()
        self._phase = _Phase()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """A failure is told by whoever catches it."""

    def phase(self, title: str) -> None:
        """A phase begins."""
        self._phase = _Phase()
        self._tell(title)

    def step(self, done: int, total: int) -> None:
        """Told if nothing was for a while."""
        if time.perf_counter() - self._told >= _SECONDS_BETWEEN_LINES:
            self._tell(f"  {self._phase.steps(done, total)}")

    def _tell(self, text: str) -> None:
        self._told = time.perf_counter()
        self._console.print(f"{self._told - self._started:7.1f} s  {text}", soft_wrap=True, markup=False)


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
        self._phase = _Phase()

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
        self._phase = _Phase()
        self._current = next(task for task in self._display.tasks if task.id == task_id)

    def step(self, done: int, total: int) -> None:
        """Shows how far the current phase is, and how long it will take."""
        if self._current is not None:
            self._display.update(self._current.id, steps=self._phase.steps(done, total))

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
