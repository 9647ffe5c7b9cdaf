"""Sessions saved and restored: they go on bit for bit, and no other file makes one."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.runtime_bindings.python.core import CoreFailure, Status
from mmoe.runtime_bindings.python.limits import Limits
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.records import memory
from mmoe.runtime_bindings.python.sampling import SamplingConfig
from mmoe.runtime_bindings.python.session import Session
from tests.export.cli.test_targets import IN_THE_WAY
from tests.support.snapshots import resealed
from tests.support.state_kinds import STATE_KINDS, artifact_with

PROMPT = "And the LORD spake unto Moses, saying,"
# Draws random numbers and heeds what was seen and chosen, so that a part that is not saved changes the tokens.
SAMPLING = SamplingConfig(
    temperature=0.9, top_p=0.9, repetition_penalty=1.1, frequency_penalty=0.3, presence_penalty=0.2, seed=11
)


@pytest.fixture(scope="module")
def model(demo_artifact: Artifact) -> Iterator[Model]:
    with Model(demo_artifact.folder) as opened:
        yield opened


@pytest.fixture
def saved(model: Model, tmp_path: Path) -> Path:
    """A snapshot in the middle of a text."""
    with Session(model, SAMPLING) as session:
        session.prompt(model.tokenize(PROMPT))
        steps(session, 10)
        session.save(tmp_path / "saved")
    return tmp_path / "saved"


def steps(session: Session, count: int) -> list[tuple[int, str]]:
    found = [session.next() for _ in range(count)]
    return [(step.id, step.text) for step in found]


def status_of(session: Session, path: Path) -> Status | None:
    """What restoring fails with; None when it does not."""
    try:
        session.restore(path)
    except CoreFailure as refusal:
        return refusal.status
    return None


def test_a_restored_session_goes_on_bit_for_bit(model: Model, tmp_path: Path) -> None:
    with Session(model, SAMPLING) as session, Session(model) as other:
        session.set_logit_bias({300: -4.0, 258: 1.5})
        session.prompt(model.tokenize(PROMPT))
        steps(session, 25)
        session.save(tmp_path / "saved")
        logits, chosen = session.logits(), session.logprobs(5)
        expected = steps(session, 40)
        other.prompt(model.tokenize("something else that is longer than what was there before it"))
        steps(other, 3)
        other.restore(tmp_path / "saved")
        assert np.array_equal(other.logits(), logits)
        assert other.logprobs(5) == chosen
        assert steps(other, 40) == expected
        assert other.position == session.position
        assert np.array_equal(other.logits(), session.logits())


def test_a_prompt_is_run_once_for_several_conversations(model: Model, tmp_path: Path) -> None:
    prefix, turns = model.tokenize(PROMPT * 8), ("Go up", "Come down")
    with Session(model) as session, Session(model) as shared:
        shared.prompt(prefix)
        shared.save(tmp_path / "prefix")
        for turn in turns:
            whole = [*prefix, *model.tokenize(turn, add_bos=False)]
            session.reset()
            session.prompt(whole)
            expected = steps(session, 12)
            shared.restore(tmp_path / "prefix")
            shared.prompt(whole)
            assert shared.stats.prefill_tokens == len(whole) - len(prefix)
            assert steps(shared, 12) == expected


def test_a_text_goes_on_where_it_was(model: Model, tmp_path: Path) -> None:
    """What is held back for a stop string, an unfinished character, and the tokens that are left."""
    with Session(model, SamplingConfig(temperature=1e4, seed=3)) as session, Session(model) as other:
        for limits in (Limits(max_new_tokens=60), Limits(stop=("th", "a b", "er"), min_new_tokens=9)):
            session.prompt(model.tokenize(PROMPT))
            session.set_limits(limits)
            for step in range(30):
                session.save(tmp_path / "saved")
                other.restore(tmp_path / "saved")
                assert other.next() == session.next(), step


def test_an_empty_session_can_be_saved(model: Model, tmp_path: Path) -> None:
    with Session(model, SAMPLING) as session:
        session.save(tmp_path / "saved")
        session.prompt(model.tokenize(PROMPT))
        expected = steps(session, 20)
        session.restore(tmp_path / "saved")
        assert session.position == 0
        session.prompt(model.tokenize(PROMPT))
        assert steps(session, 20) == expected


@pytest.mark.slow
@pytest.mark.parametrize("kind", STATE_KINDS)
def test_rings_and_every_kind_of_cache(
    kind: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Contexts before a ring of 256 rows is full, when it is, and behind it; and gone back in."""
    artifact = artifact_with(kind, tmp_path_factory)
    ids = np.random.default_rng(0).integers(0, 280, 500).tolist()
    with Model(artifact.folder) as model, Session(model) as session, Session(model) as other:
        other.prompt(ids[::-1])  # what a restored context must not depend on
        for position in (1, 5, 16, 37, 255, 256, 257, 400):
            session.reset()
            session.prefill(ids[:position])
            session.save(tmp_path / "saved")
            other.restore(tmp_path / "saved")
            for each in (session, other):
                each.truncate(position - min(position, 3))
                each.prefill(ids[position : position + 40])
            assert np.array_equal(session.logits(), other.logits()), position


def test_a_snapshot_has_the_rows_of_its_positions_only(model: Model, tmp_path: Path) -> None:
    """Two layers' worth of what the manifest's cache takes for a token, in blocks of 16."""
    sizes = []
    with Session(model) as session:
        for count in (16, 32, 64):
            session.prompt(list(range(300, 300 + count)))
            session.save(tmp_path / "saved")
            sizes.append((tmp_path / "saved").stat().st_size)
    assert sizes[2] - sizes[1] == 2 * (sizes[1] - sizes[0])


def test_every_cut_is_refused_and_nothing_changed(model: Model, saved: Path, tmp_path: Path) -> None:
    whole = saved.read_bytes()
    broken = tmp_path / "broken"
    with Session(model, SAMPLING) as session:
        session.prompt(model.tokenize("The king"))
        expected_position = session.position
        for size in (*range(0, 200), *range(200, len(whole), len(whole) // 40)):
            broken.write_bytes(whole[:size])
            with pytest.raises(CoreFailure, match="broken: ") as refusal:
                session.restore(broken)
            assert refusal.value.status is Status.CORRUPT
        assert session.position == expected_position
        expected = steps(session, 10)
    with Session(model, SAMPLING) as fresh:
        fresh.prompt(model.tokenize("The king"))
        assert steps(fresh, 10) == expected


def test_every_altered_byte_is_noticed(model: Model, saved: Path) -> None:
    whole = saved.read_bytes()
    places = (*range(0, 400), *random.Random(0).sample(range(400, len(whole)), 60))
    with Session(model) as session:
        for place in places:
            saved.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
            with pytest.raises(CoreFailure, match="saved: ") as refusal:
                session.restore(saved)
            assert refusal.value.status in {Status.CORRUPT, Status.VERSION}, place


def test_a_forged_file_is_refused_or_can_be_run(model: Model, saved: Path) -> None:
    """With its own sum, so that what reads the content sees it."""
    whole, rng, accepted = saved.read_bytes(), random.Random(1), 0
    with Session(model) as session:
        for _ in range(400):
            forged = bytearray(whole)
            for _ in range(rng.randint(1, 4)):
                place = rng.randrange(24, 700) if rng.random() < 0.8 else rng.randrange(24, len(forged))
                forged[place] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
            if rng.random() < 0.2:
                del forged[rng.randrange(24, len(forged)) :]
            saved.write_bytes(resealed(bytes(forged)))
            status = status_of(session, saved)
            assert status in {None, Status.CORRUPT, Status.VERSION}
            if status is None:
                accepted += 1
                assert all(-1 <= token < model.info.vocab_size for token, _ in steps(session, 3))
    assert 0 < accepted < 400


def test_a_sum_is_zlibs(saved: Path) -> None:
    whole = saved.read_bytes()
    assert resealed(whole) == whole


def test_a_snapshot_of_another_program_is_refused(
    model: Model, tiny_artifact: Artifact, tmp_path: Path
) -> None:
    with Model(tiny_artifact.folder) as tiny, Session(tiny) as session:
        session.prefill([3, 4, 5])
        session.save(tmp_path / "saved")
    with Session(model) as session, pytest.raises(CoreFailure, match="saved with another program") as refusal:
        session.restore(tmp_path / "saved")
    assert refusal.value.status is Status.VERSION


def test_other_formats_and_other_files_are_told_apart(model: Model, saved: Path, tmp_path: Path) -> None:
    whole = saved.read_bytes()
    with Session(model) as session:
        for content, status in (
            (whole[:8] + struct.pack("<I", 1) + whole[12:], Status.VERSION),
            (b"GGUF" + whole[4:], Status.CORRUPT),
            (b"", Status.CORRUPT),
        ):
            saved.write_bytes(content)
            with pytest.raises(CoreFailure) as refusal:
                session.restore(saved)
            assert refusal.value.status is status
        for path, status in ((tmp_path, Status.CORRUPT), (tmp_path / "none", Status.NOT_FOUND)):
            with pytest.raises(CoreFailure) as refusal:
                session.restore(path)
            assert refusal.value.status is status


def test_a_file_is_replaced_whole_or_not_at_all(model: Model, saved: Path, tmp_path: Path) -> None:
    before = saved.read_bytes()
    with Session(model) as session:
        session.prefill([300, 301])
        with pytest.raises(CoreFailure, match="none/saved: cannot be written") as refusal:
            session.save(tmp_path / "none" / "saved")
        assert refusal.value.status is Status.NOT_FOUND
        (tmp_path / "folder").mkdir()
        with pytest.raises(CoreFailure, match="folder: cannot be written"):
            session.save(tmp_path / "folder")
        assert saved.read_bytes() == before
        session.save(saved)
        assert saved.read_bytes() != before
        session.restore(saved)
        assert session.position == 2
    assert sorted(os.listdir(tmp_path)) == ["folder", "saved"]


@pytest.mark.parametrize("kind", sorted({*IN_THE_WAY} - {"folder"}))
def test_what_is_no_file_stays(model: Model, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "saved"
    IN_THE_WAY[kind](target)
    before = target.lstat()
    with Session(model) as session, pytest.raises(CoreFailure, match="saved: cannot be written") as refusal:
        session.save(target)
    assert refusal.value.status is Status.IO
    assert (target.lstat().st_ino, target.lstat().st_mode) == (before.st_ino, before.st_mode)
    assert os.listdir(tmp_path) == ["saved"]


def test_a_link_to_a_file_stays_a_link(model: Model, saved: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link"
    link.symlink_to("../saved")
    before = saved.read_bytes()
    with Session(model) as session:
        session.prefill([300, 301])
        session.save(link)
        session.restore(link)
    assert link.is_symlink()
    assert saved.read_bytes() != before
    assert os.listdir(tmp_path / "elsewhere") == ["link"]


def test_a_path_does_not_end_at_a_nul(model: Model, tmp_path: Path) -> None:
    with Session(model) as session:
        for call in (session.save, session.restore):
            with pytest.raises(CoreFailure, match="NUL") as refusal:
                call(tmp_path / "saved\0 elsewhere")
            assert refusal.value.status is Status.INVALID_ARGUMENT
    assert not os.listdir(tmp_path)


@pytest.mark.slow
def test_memory_does_not_grow(model: Model, tmp_path: Path) -> None:
    with Session(model) as session:
        session.prompt(model.tokenize(PROMPT))

        def cycles(count: int) -> None:
            for _ in range(count):
                session.save(tmp_path / "saved")
                session.restore(tmp_path / "saved")

        cycles(20)
        before = memory().anonymous_bytes
        cycles(1000)
        assert memory().anonymous_bytes - before < 1 << 20
