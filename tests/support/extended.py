"""Parameters of which some always run, and the others where everything does."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def mostly_extended(names: Iterable[str], *, always: Collection[str]) -> list[Any]:
    """Parameters of a test by name: those in `always`, and the others marked as extended."""
    return [pytest.param(name, marks=() if name in always else pytest.mark.extended) for name in names]
