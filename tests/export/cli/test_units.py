"""Sizes and durations as people read them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.export.cli.ui.units import format_bytes, format_seconds

FACTORS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (9994, "9.99 kB"),
        (9996, "10.0 kB"),
        (99_960, "100 kB"),
        (999_499, "999 kB"),
        (999_600, "1.00 MB"),
        (4_130_000, "4.13 MB"),
        (83_700_000_000, "83.7 GB"),
        (2 * 10**15, "2000 TB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert format_bytes(count) == text


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 10**15 - 1))
def test_sizes_have_three_digits(count: int) -> None:
    number, unit = format_bytes(count).split()
    assert float(number) * FACTORS[unit] == pytest.approx(count, rel=0.005)
    assert len(number.replace(".", "")) <= 3 or number == "1000"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.9, "9.9 s"), (12.3, "12 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s")],
)
def test_durations(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text
