"""Fifty clients at once on the command: nobody is refused or waits in vain, and memory stays.

A few seconds beside other tests; with `MMOE_SERVE_LOAD_SECONDS=120`, alone, all are served alike, too.
"""

from __future__ import annotations

import os

import pytest

from mmoe.export.artifact.artifact import Artifact
from tools.serve_load import put_load


@pytest.mark.slow
def test_fifty_clients_at_once(demo_artifact: Artifact) -> None:
    alone = os.environ.get("MMOE_SERVE_LOAD_SECONDS")
    seconds = float(alone or "6")
    load = put_load(demo_artifact.folder, clients=50, seconds=seconds)
    assert load.errors == ()
    assert min(load.answered) >= 1
    # Beside other tests it is the clients, all in one process, who are held up unevenly.
    assert alone is None or load.unevenness <= 1.5
    start, middle, end = load.anonymous_bytes
    assert end < start + 20_000_000
    assert end < middle + 10_000_000
