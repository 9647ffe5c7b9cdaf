"""Progress in a log and in a terminal."""

import io

import pytest
from rich.console import Console

from mmoe.export.cli.progress import LineProgress, LiveProgress


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


def test_nothing_began() -> None:
    screen = console(terminal=True)
    with LiveProgress(screen) as progress:
        progress.step(1, 2)
    assert "✓" not in written(screen)
