"""Damaged, missing, contradictory and dangerous weight files, each refused by name before any work."""

from __future__ import annotations

import json
import os
import pickle
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.shards import INDEX_FILE, SINGLE_FILE, TensorFiles
from tests.support.checkpoints import write_checkpoint

FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


class Explosive:
    """Touches a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._marker,)


def refusal(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        TensorFiles(folder)
    return str(caught.value)


@pytest.fixture
def single(tmp_path: Path) -> Path:
    return write_checkpoint(tmp_path / "single")


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    return write_checkpoint(tmp_path / "sharded", shards=2)


def weight_map(folder: Path) -> dict[str, str]:
    index: dict[str, dict[str, str]] = json.loads((folder / INDEX_FILE).read_text())
    return index["weight_map"]


def write_index(folder: Path, entries: object) -> None:
    (folder / INDEX_FILE).write_text(json.dumps({"weight_map": entries}))


@pytest.mark.parametrize("kept", [0, 5, 100, 5000, -1])
def test_truncated_file(single: Path, kept: int) -> None:
    path = single / SINGLE_FILE
    content = path.read_bytes()
    path.write_bytes(content[:kept])
    message = refusal(single)
    assert message.startswith(f"{path}: is truncated")
    assert "download it again" in message


def test_a_path_that_safetensors_does_not_open_is_not_called_damage(single: Path) -> None:
    folder = single.rename(single.with_name(os.fsdecode(b"folder\xff")))
    assert (
        refusal(folder) == f"{folder / SINGLE_FILE}: safetensors opens no path that is not UTF-8; rename it"
    )


def test_truncation_tells_both_sizes(single: Path) -> None:
    path = single / SINGLE_FILE
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-1000])
    assert f"{size - 1000} bytes of the {size} in its header" in refusal(single)


def test_corrupt_header(single: Path) -> None:
    path = single / SINGLE_FILE
    content = bytearray(path.read_bytes())
    content[20:24] = b"\x00#{\xff"
    path.write_bytes(content)
    assert "its header is corrupt" in refusal(single)


def test_trailing_bytes(single: Path) -> None:
    path = single / SINGLE_FILE
    path.write_bytes(path.read_bytes() + b"more")
    assert "its header is corrupt" in refusal(single)


def test_not_safetensors_at_all(single: Path) -> None:
    (single / SINGLE_FILE).write_bytes(b"<!DOCTYPE html><html>" * 100)
    assert "is not a safetensors file" in refusal(single)


def test_git_lfs_pointer(single: Path) -> None:
    (single / SINGLE_FILE).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 7\n")
    assert "git lfs pull" in refusal(single)


def test_the_same_tensor_twice_in_one_header(single: Path) -> None:
    entry = '"a": {"dtype": "U8", "shape": [2], "data_offsets": [%d, %d]}'
    header = ("{" + entry % (0, 2) + ", " + entry % (2, 4) + "}").encode()
    (single / SINGLE_FILE).write_bytes(struct.pack("<Q", len(header)) + header + b"1234")
    assert "its header is corrupt" in refusal(single)


def test_missing_shard_is_named(sharded: Path) -> None:
    (sharded / SECOND).unlink()
    assert f"{SECOND} missing" in refusal(sharded)


def test_truncated_shard_is_named(sharded: Path) -> None:
    (sharded / SECOND).write_bytes((sharded / SECOND).read_bytes()[:-1])
    assert refusal(sharded).startswith(f"{sharded / SECOND}: is truncated")


def test_index_names_a_tensor_that_is_nowhere(sharded: Path) -> None:
    write_index(sharded, weight_map(sharded) | {"model.ghost": FIRST})
    assert f"model.ghost is not in {FIRST}, where the index says it is" in refusal(sharded)


def test_index_names_the_wrong_shard(sharded: Path) -> None:
    entries = weight_map(sharded)
    moved = next(name for name, file in entries.items() if file == FIRST)
    write_index(sharded, entries | {moved: SECOND})
    assert f"{moved} is in {FIRST}, the index says {SECOND}" in refusal(sharded)


def test_tensor_that_the_index_leaves_out(sharded: Path) -> None:
    entries = weight_map(sharded)
    stray = next(iter(entries))
    del entries[stray]
    write_index(sharded, entries)
    assert f"{stray} in {FIRST} is not in the index" in refusal(sharded)


def test_tensor_in_two_shards(sharded: Path) -> None:
    first, second = load_file(sharded / FIRST), load_file(sharded / SECOND)
    twin = next(iter(first))
    save_file({**second, twin: first[twin].clone()}, sharded / SECOND)
    assert f"{twin} is in both {FIRST} and {SECOND}" in refusal(sharded)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {}}'])
def test_unusable_index(sharded: Path, content: str) -> None:
    (sharded / INDEX_FILE).write_text(content)
    assert "weight_map" in refusal(sharded)


@pytest.mark.parametrize("name", ["../outside.safetensors", "/etc/passwd", "sub/model.safetensors", 7])
def test_index_may_only_name_files_of_the_folder(sharded: Path, name: object) -> None:
    write_index(sharded, weight_map(sharded) | {"model.norm.weight": name})
    assert "which is not a file name" in refusal(sharded)


def test_single_file_beside_a_foreign_index(sharded: Path, single: Path) -> None:
    (sharded / SINGLE_FILE).write_bytes((single / SINGLE_FILE).read_bytes())
    assert "remove the one that is stale" in refusal(sharded)


def test_index_of_the_single_file_is_fine(single: Path) -> None:
    write_index(single, dict.fromkeys(TensorFiles(single).specs, SINGLE_FILE))
    assert len(TensorFiles(single).specs) == 47


def test_no_weights(single: Path) -> None:
    (single / SINGLE_FILE).rename(single / "weights.safetensors")
    assert "neither model.safetensors nor" in refusal(single)
    assert "it holds weights.safetensors" in refusal(single)


def test_weights_behind_a_broken_link(single: Path) -> None:
    (single / SINGLE_FILE).unlink()
    (single / SINGLE_FILE).symlink_to("removed from the hub's cache")
    assert "it holds model.safetensors (a link to nowhere)" in refusal(single)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pth", "model.ckpt", "model.pkl"])
def test_pickle_only_folder_is_refused_and_not_opened(tmp_path: Path, name: str) -> None:
    marker = tmp_path / "exploded"
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / name).write_bytes(pickle.dumps(Explosive(marker)))
    assert f"holds pickle files only ({name})" in refusal(folder)
    assert not marker.exists()


@pytest.mark.parametrize("zip_format", [True, False])
def test_pickle_under_a_safe_name_is_refused_and_not_opened(single: Path, zip_format: bool) -> None:
    marker = single / "exploded"
    torch.save(Explosive(marker), single / SINGLE_FILE, _use_new_zipfile_serialization=zip_format)
    assert "is a pickle file" in refusal(single)
    assert not marker.exists()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_bare_pickle_under_a_safe_name_is_refused(single: Path, protocol: int) -> None:
    (single / SINGLE_FILE).write_bytes(pickle.dumps({"weight": [1.0] * 100}, protocol=protocol))
    assert "is a pickle file" in refusal(single)


@pytest.mark.parametrize("header_bytes", [0x80, 0x280, 0x480])
def test_header_lengths_that_look_like_pickle_are_not(tmp_path: Path, header_bytes: int) -> None:
    header = b'{"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}'.ljust(header_bytes)
    (tmp_path / SINGLE_FILE).write_bytes(struct.pack("<Q", header_bytes) + header + b"\x07")
    assert TensorFiles(tmp_path).tensor("a").tolist() == [7]
