"""What the header is read as, against the `gguf` package's own reader."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest

from mmoe.checkpoints.gguf.gguf_file import GgufFile
from tests.support.gguf_cases import CASES
from tests.support.gguf_models import BF16, F16, Q5_1, Q8_0


@pytest.mark.parametrize("name", CASES)
def test_metadata_and_tensors_are_those_of_the_package(tmp_path: Path, name: str) -> None:
    path = tmp_path / "model.gguf"
    changes = {
        "a.truth": True,
        "a.list": [1.5, -2.5],
        "a.list.of.truths": [True, False],
        "a.text": "é\n",
        "a.negative": [-3, 4],
    }
    types = {"token_embd.weight": Q5_1, "blk.1.ffn_norm.weight": F16, "blk.0.ffn_norm.weight": BF16}
    types["blk.1.ffn_gate_inp.weight"] = Q8_0
    CASES[name].write(path, changes=changes, types=types)
    found, reader = GgufFile(path), gguf.GGUFReader(path)
    keys = [key for key in reader.fields if not key.startswith("GGUF.")]
    assert {key: found.value(key) for key in keys} == {key: reader.fields[key].contents() for key in keys}
    assert found.value("a.nothing") is None
    assert list(found.tensors) == [tensor.name for tensor in reader.tensors]
    for tensor in reader.tensors:
        ours = found.tensors[tensor.name]
        assert (ours.type, ours.shape) == (tensor.tensor_type.name, tuple(reversed(tensor.shape.tolist())))
        assert ours.data.dtype == tensor.data.dtype
        np.testing.assert_array_equal(ours.data, tensor.data)


def test_tensors_begin_where_the_file_aligns_them(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(path, "olmoe")
    writer.add_custom_alignment(64)
    values = [np.full((3, 5), value, np.float32) for value in (1, 2)]
    for index, each in enumerate(values):
        writer.add_tensor(f"t{index}", each)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    for index, each in enumerate(values):
        np.testing.assert_array_equal(GgufFile(path).tensors[f"t{index}"].data, each)
