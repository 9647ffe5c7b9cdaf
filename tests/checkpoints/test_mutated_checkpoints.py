"""Checkpoints with a few places edited are refused in one message, soon, or run: no other exception, no hang.

300 cases; `MMOE_CHECKPOINT_MUTATIONS` says how many instead, 5000 for a night.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from mmoe.export.convert.convert import convert, dry_run
from mmoe.runtime_bindings.python.errors import MmoeError
from tests.support.checkpoint_mutations import cases_wanted, mutations, read_files
from tests.support.checkpoints import write_checkpoint

_SECONDS = 10
# One in so many that are accepted is converted, which takes a second, and then decodes a token.
_CONVERTED = 10


class Overtime(BaseException):
    """A case took too long; no handler of `Exception` can take it for an error of the input."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Of this process's own time, since other tests run beside it."""

    def expired(number: int, frame: FrameType | None) -> None:
        raise Overtime

    before = signal.signal(signal.SIGPROF, expired)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = write_checkpoint(tmp_path_factory.mktemp("original") / "checkpoint", shards=2)
    (folder / "generation_config.json").write_text(
        '{"do_sample": true, "temperature": 0.7, "top_k": 20, "top_p": 0.9, "eos_token_id": [1]}'
    )
    return read_files(folder)


@pytest.mark.slow
def test_a_mutated_checkpoint_is_refused_in_one_message_or_accepted(originals: dict[str, bytes]) -> None:
    outcomes: Counter[str] = Counter()
    longest = 0

    @settings(
        max_examples=cases_wanted(150),
        deadline=None,
        database=None,
        derandomize=True,  # the same cases everywhere
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def check(data: st.DataObject) -> None:
        nonlocal longest
        case = data.draw(mutations(originals))
        note(f"edited: {case.steps}")
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "checkpoint"
            folder.mkdir()
            case.write(folder)
            try:
                with time_limit(_SECONDS):
                    dry_run(folder, Path(place) / "artifact")
            except MmoeError as error:
                outcomes["refused"] += 1
                longest = max(longest, len(str(error)))
            else:
                outcomes["accepted"] += 1
                if outcomes["accepted"] % _CONVERTED == 1:
                    convert(folder, Path(place) / "artifact")
                    outcomes["converted"] += 1
                    shutil.rmtree(Path(place) / "artifact")
            assert sorted(path.name for path in Path(place).iterdir()) == ["checkpoint"]

    check()
    print(outcomes, f"longest message: {longest}")
    assert longest < 20_000
    assert outcomes["refused"] > outcomes["accepted"] > outcomes["converted"] > 0
