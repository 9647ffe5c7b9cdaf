"""Progress in a log and in a terminal."""

import io

import pytest
from rich.console import Console

from mmoe.export.cli.ui import progress as progress_module
from mmoe.export.cli.ui.progress import LineProgress, LiveProgress


def console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=80, color_system=None)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_one_line_for_each_phase_in_a_log() -> None:
    log = console(terminal=False)
    with LineProgress(log) as progress:
        progress.phase("Checking [the] checkpoint")
        progress.step(1, 2)
        progress.phase("Writing")
    assert [line.split(" s  ")[1] for line in written(log).splitlines()] == [
        "Checking [the] checkpoint",
        "Writing",
    ]


def test_finished_phases_are_ticked_in_a_terminal() -> None:
    screen = console(terminal=True)
    with LiveProgress(screen) as progress:
        progress.phase("Checking")
        progress.step(1, 2)
        progress.phase("Writing")
    last = written(screen).split("\x1b[?25h")[0].splitlines()[-2:]
    assert "✓ Checking" in last[0]
    assert "✓ Writing" in last[1]
    assert "1/2" not in last[0]


def test_a_phase_that_failed_is_crossed_and_the_cursor_comes_back() -> None:
    screen = console(terminal=True)

    def interrupted_work() -> None:
        with LiveProgress(screen) as progress:
            progress.phase("Checking")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_work()
    assert "✗ Checking" in written(screen)
    assert written(screen).rindex("\x1b[?25h") > written(screen).rindex("\x1b[?25l")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that the progress reads; the test moves them."""
    now = [0.0]
    monkeypatch.setattr(progress_module.time, "perf_counter", lambda: now[0])
    return now


def test_a_long_phase_tells_the_time_left_in_a_log(clock: list[float]) -> None:
    log = console(terminal=False)
    with LineProgress(log) as progress:
        progress.phase("Checking")
        clock[0] = 30.0
        progress.phase("Packing")
        for done, now in enumerate((33.0, 36.0, 39.0, 42.0, 45.0), start=1):
            clock[0] = now
            progress.step(done, 20)
    assert written(log).splitlines() == [
        "    0.0 s  Checking",
        "   30.0 s  Packing",
        "   42.0 s    4/20, 48 s left",
    ]


def test_the_time_left_of_a_phase_in_a_terminal(clock: list[float]) -> None:
    screen = console(terminal=True)
    with LiveProgress(screen) as progress:
        clock[0] = 100.0
        progress.phase("Packing")
        clock[0] = 160.0
        progress.step(2, 8)
        progress._display.refresh()
    assert "2/8, 3 min 00 s left" in written(screen)


def test_no_time_is_left_before_the_first_step_and_after_the_last(clock: list[float]) -> None:
    phase = progress_module._Phase()
    clock[0] = 5.0
    assert phase.steps(0, 4) == "0/4"
    assert phase.steps(4, 4) == "4/4"


def test_nothing_began() -> None:
    screen = console(terminal=True)
    with LiveProgress(screen) as progress:
        progress.step(1, 2)
    assert "✓" not in written(screen)
