"""Artifacts appear whole or not at all, whatever goes wrong and whenever."""

import errno
import os
import resource
import shutil
import signal
from collections import namedtuple
from contextlib import contextmanager

import pytest

from mmoe.backends.errors import ArtifactError
from mmoe.export.artifact import writer as artifact_writer
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.artifact.writer import ArtifactWriter
from mmoe.export.files import place
from mmoe.export.files import writing as files
from mmoe.export.files.scratch import scratch_folder
from tests.support.artifacts import MODEL_BYTES, manifest_content, write_artifact

OLD, NEW = b"old program", b"new program"


@pytest.fixture
def target(tmp_path):
    return tmp_path / "artifact"


def write_until(target, event, *, content=(("model.pte", NEW), ("tokenizer.json", b"{}")), commit=False):
    """Writes files, then has `event` happen, then perhaps commits."""
    with ArtifactWriter(target) as writer:
        for name, data in content:
            writer.write(name, data)
        event()
        if commit:
            writer.commit(manifest_content())


def raising(error):
    def event():
        raise error

    return event


def write_by_handle(target):
    with ArtifactWriter(target) as writer, writer.open("model.pte") as file:
        file.write(MODEL_BYTES)


@contextmanager
def file_size_limit(limit):
    """Writes past this many bytes of a file fail, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_every_file_is_there_and_nothing_else(target):
    write_artifact(target)
    assert sorted(os.listdir(target)) == ["README.md", "mmoe.json", "model.pte", "tokenizer.json"]
    assert os.listdir(target.parent) == ["artifact"]


def test_a_new_folder_follows_the_umask(target):
    before = os.umask(0o027)
    try:
        write_artifact(target)
    finally:
        os.umask(before)
    assert target.stat().st_mode & 0o777 == 0o750


def test_nothing_is_visible_before_the_commit(target):
    with ArtifactWriter(target) as writer:
        writer.write("model.pte", MODEL_BYTES)
        assert not target.exists()
    assert os.listdir(target.parent) == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_nothing_behind(target, error):
    deep = target / "a" / "b"
    with pytest.raises(error):
        write_until(deep, raising(error))
    assert os.listdir(target.parent) == []


def test_a_failed_check_leaves_nothing_behind(target):
    seen = []

    def check(folder):
        seen.append({path.name for path in folder.iterdir()})
        assert not target.exists()
        raise ArtifactError("does not run")

    def write():
        with ArtifactWriter(target) as writer:
            writer.write("model.pte", NEW)
            writer.write("tokenizer.json", b"{}")
            writer.commit(manifest_content(), check=check)

    with pytest.raises(ArtifactError, match="does not run"):
        write()
    assert seen == [{"model.pte", "tokenizer.json", "mmoe.json", "README.md"}]
    assert list(target.parent.iterdir()) == []


def test_missing_parents_are_made(target):
    assert write_artifact(target / "a" / "b").model_path.is_file()


def test_an_existing_target_is_refused_before_anything_is_written(target):
    write_artifact(target, model=OLD)
    with pytest.raises(ArtifactError, match=r"exists already.*--overwrite"):
        ArtifactWriter(target)
    assert Artifact.open(target, check_hashes=True).model_path.read_bytes() == OLD


def test_overwriting_swaps_the_whole_artifact(target):
    write_artifact(target, model=OLD)
    write_artifact(target, model=NEW, overwrite=True)
    assert Artifact.open(target, check_hashes=True).model_path.read_bytes() == NEW
    assert os.listdir(target.parent) == ["artifact"]


def test_overwriting_through_a_link_keeps_the_link(target):
    write_artifact(target, model=OLD)
    link = target.parent / "link"
    link.symlink_to(target)
    write_artifact(link, model=NEW, overwrite=True)
    assert link.is_symlink()
    assert (target / "model.pte").read_bytes() == NEW


def test_an_empty_folder_may_be_overwritten(target):
    target.mkdir()
    with pytest.raises(ArtifactError, match="--overwrite"):
        ArtifactWriter(target)
    write_artifact(target, overwrite=True)


def test_what_is_no_artifact_is_never_overwritten(target):
    target.mkdir()
    (target / "thesis.txt").write_text("years of work")
    with pytest.raises(ArtifactError, match="not an artifact"):
        ArtifactWriter(target, overwrite=True)
    (target.parent / "file").touch()
    with pytest.raises(ArtifactError, match="not an artifact"):
        ArtifactWriter(target.parent / "file", overwrite=True)
    assert (target / "thesis.txt").read_text() == "years of work"


def test_a_target_that_appears_meanwhile_is_not_replaced(target):
    with pytest.raises(ArtifactError, match="exists already"):
        write_until(target, target.mkdir, commit=True)
    assert os.listdir(target.parent) == ["artifact"]
    assert os.listdir(target) == []


@pytest.mark.parametrize("fails_at", [1, 2])
@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
def test_a_failing_swap_keeps_the_old_artifact(target, monkeypatch, fails_at, error):
    write_artifact(target, model=OLD)
    calls = []
    rename = os.replace

    def failing(source, destination):
        calls.append(source)
        if len(calls) == fails_at:
            raise error
        rename(source, destination)

    monkeypatch.setattr(artifact_writer.os, "replace", failing)
    with pytest.raises((ArtifactError, KeyboardInterrupt)):
        write_artifact(target, model=NEW, overwrite=True)
    assert Artifact.open(target, check_hashes=True).model_path.read_bytes() == OLD
    assert os.listdir(target.parent) == ["artifact"]


def test_an_interruption_after_the_swap_leaves_the_new_artifact_alone(target, monkeypatch):
    write_artifact(target, model=OLD)
    rename = os.replace

    def interrupted_afterwards(source, destination):
        rename(source, destination)
        if destination == target:
            raise KeyboardInterrupt

    monkeypatch.setattr(artifact_writer.os, "replace", interrupted_afterwards)
    with pytest.raises(KeyboardInterrupt):
        write_artifact(target, model=NEW, overwrite=True)
    assert Artifact.open(target, check_hashes=True).model_path.read_bytes() == NEW
    assert os.listdir(target.parent) == ["artifact"]


@pytest.mark.parametrize("limit", [0, 1, 5000])
@pytest.mark.parametrize("write", [write_artifact, write_by_handle])
def test_a_file_that_may_not_grow_is_explained_and_leaves_nothing(target, limit, write):
    with file_size_limit(limit), pytest.raises(ArtifactError) as failure:
        write(target)
    assert "a file became too large" in str(failure.value)
    assert f": this process may write files of {limit:,} bytes at most; raise that (ulimit -f)" in str(
        failure.value
    )
    assert os.listdir(target.parent) == []


def test_no_room_while_committing_keeps_the_old_artifact(target):
    write_artifact(target, model=OLD)
    # Both files fit below the limit; the manifest does not.
    with file_size_limit(100), pytest.raises(ArtifactError, match="a file became too large"):
        write_artifact(target, model=NEW, overwrite=True)
    assert Artifact.open(target, check_hashes=True).model_path.read_bytes() == OLD
    assert os.listdir(target.parent) == ["artifact"]


def test_a_quota_is_named(target):
    quota = OSError(errno.EDQUOT, "Disk quota exceeded")
    with pytest.raises(ArtifactError, match="disk quota is used up after 7 bytes"):
        write_until(target, raising(quota), content=[("model.pte", b"7 bytes")])


def test_too_little_space_is_told_before_any_work(target, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(files.shutil, "disk_usage", lambda folder: usage(10_000, 8_766, 1_234))
    writer = ArtifactWriter(target / "not" / "yet" / "there")
    writer.require_space(1_234)
    with pytest.raises(ArtifactError, match="needs 1,235 bytes, but only 1,234 are free"):
        writer.require_space(1_235)


def test_a_place_that_cannot_be_written_is_explained(target, monkeypatch):
    def refused(self, *args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(artifact_writer.Path, "mkdir", refused)
    with (
        pytest.raises(ArtifactError, match="cannot be written: Permission denied"),
        ArtifactWriter(target / "x"),
    ):
        pass
    assert os.listdir(target.parent) == []


@pytest.mark.parametrize("missing", ["model.pte", "tokenizer.json"])
def test_a_required_file_must_have_been_written(target, missing):
    (other,) = {"model.pte", "tokenizer.json"} - {missing}
    with pytest.raises(ArtifactError, match=f"wrote no {missing}"):
        write_until(target, lambda: None, content=[(other, b"x")], commit=True)
    assert not target.exists()


@pytest.mark.parametrize("name", ["../x", "a/b", "mmoe.json", "README.md"])
def test_only_plain_names_are_files_of_an_artifact(target, name):
    with ArtifactWriter(target) as writer, pytest.raises(ValueError, match="not a name"):
        writer.write(name, b"")


def test_something_else_in_a_new_parent_is_left_alone(target):
    with ArtifactWriter(target / "parent" / "artifact"):
        (target / "parent" / "note").touch()
    assert (target / "parent" / "note").exists()


@pytest.mark.parametrize("foreign", ["thesis.txt", ".git", "model.pte.bak", "model.pte", "README.md"])
def test_an_artifact_with_something_else_in_its_folder_is_never_overwritten(target, foreign):
    write_artifact(target, model=OLD)
    path = target / foreign
    if path.suffix == ".txt" or path.suffix == ".bak":
        path.write_text("years of work")
        kept = path
    else:  # a folder, even one with the name of a file that the manifest lists
        path.unlink(missing_ok=True)
        path.mkdir()
        kept = path / "HEAD"
        kept.write_text("years of work")
    with pytest.raises(ArtifactError, match=f"no part of the artifact: {foreign};"):
        ArtifactWriter(target, overwrite=True)
    assert kept.read_text() == "years of work"


@pytest.mark.parametrize(
    "manifest", ["{}", "[]", "not JSON", '{"files": {"thesis.txt": 1}}', "[" * 100_000, None]
)
def test_a_folder_without_a_manifest_of_ours_is_never_overwritten(target, manifest):
    target.mkdir()
    if manifest is None:
        os.mkfifo(target / "mmoe.json")  # whoever reads it waits for ever
    else:
        (target / "mmoe.json").write_text(manifest)
    (target / "thesis.txt").write_text("years of work")
    with pytest.raises(ArtifactError, match="not an artifact"):
        ArtifactWriter(target, overwrite=True)
    assert (target / "thesis.txt").read_text() == "years of work"


def killed_while_writing(target, *, replaced):
    """What a process leaves that is killed while it works on `target`; returns its hidden folder."""
    hidden = target.with_name(".artifact.01234567.partial")
    with scratch_folder(target.parent, ".artifact.", ".partial") as living:
        shutil.copytree(living, hidden)
    (hidden / "new").mkdir()
    (hidden / "new" / "model.pte").write_bytes(NEW)
    if replaced:
        target.rename(hidden / "old")
    return hidden


def test_an_artifact_comes_back_if_its_replacement_was_killed(target):
    write_artifact(target, model=OLD)
    killed_while_writing(target, replaced=True)
    with pytest.raises(ArtifactError, match="exists already"), ArtifactWriter(target):
        pass
    assert Artifact.open(target, check_hashes=True).model_path.read_bytes() == OLD
    assert os.listdir(target.parent) == ["artifact"]


def test_an_artifact_that_was_replaced_before_the_kill_goes(target):
    write_artifact(target, model=OLD)
    killed_while_writing(target, replaced=True)
    write_artifact(target.with_name("other"), model=NEW)
    target.with_name("other").rename(target)
    write_artifact(target, model=NEW, overwrite=True)
    assert os.listdir(target.parent) == ["artifact"]
    assert Artifact.open(target, check_hashes=True).model_path.read_bytes() == NEW


def test_an_artifact_that_is_being_replaced_is_left_to_its_process(target):
    write_artifact(target, model=OLD)
    with scratch_folder(target.parent, ".artifact.", ".partial") as hidden:
        target.rename(hidden / "old")
        with ArtifactWriter(target):
            assert (hidden / "old" / "model.pte").read_bytes() == OLD
            assert not target.exists()


def test_nothing_is_removed_before_the_work(target):
    hidden = killed_while_writing(target, replaced=False)
    ArtifactWriter(target)
    assert (hidden / "new" / "model.pte").read_bytes() == NEW
    write_artifact(target)
    assert not hidden.exists()


@pytest.mark.parametrize(
    "name", [".artifact.my-photos.old", ".artifact.deadbeef.old", ".artifact.deadbeef.partial"]
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_users_folder_is_left_alone_whatever_its_name(target, name, overwrite):
    if overwrite:
        write_artifact(target, model=OLD)
    photos = target.with_name(name)
    (photos / "old").mkdir(parents=True)
    (photos / "old" / "sea.jpg").write_bytes(b"a summer")
    write_artifact(target, model=NEW, overwrite=overwrite)
    assert (photos / "old" / "sea.jpg").read_bytes() == b"a summer"
    assert sorted(os.listdir(target.parent)) == [name, "artifact"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x" * 240, "name is too long"),
        ("x" * 5000, "not a path that the system allows"),
        ("a\0b", "not a path that the system allows"),
        ("file/artifact", "file is not a folder"),
        ("loop/artifact", "not a path that the system allows"),
    ],
)
def test_a_place_that_the_system_refuses_is_told_before_any_work(tmp_path, name, message):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ArtifactError, match=message):
        ArtifactWriter(tmp_path / name)
    assert sorted(os.listdir(tmp_path)) == ["file", "loop"]


def test_a_folder_that_cannot_be_written_is_told_before_any_work(target, monkeypatch):
    # Permissions do not bind the super-user, as whom tests may run; a read-only file system does.
    monkeypatch.setattr(place.os, "access", lambda folder, mode: False)
    with pytest.raises(ArtifactError, match="is read-only; choose another place"):
        ArtifactWriter(target / "deep")
