"""The reader of `.pte` files against ExecuTorch's own, and on damaged files."""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest
from executorch.exir._serialize._flatbuffer_program import _flatbuffer_to_program

from mmoe.backends import program_schema
from mmoe.backends.errors import ArtifactError
from mmoe.backends.program_file import ProgramFile
from mmoe.export.artifact.artifact import Artifact
from tests.support.toy_program import write_toy_artifact


def plain(value: Any) -> Any:
    """A value of either reader as tuples and numbers, the fields that ours leaves out taken away."""
    if isinstance(value, IntEnum):
        return int(value)
    if isinstance(value, list | tuple):
        return tuple(map(plain, value))
    return value


def plain_value(value: Any) -> tuple[Any, ...]:
    kind = type(value).__name__
    if kind != "Tensor":
        return kind, *map(plain, vars(value).values())
    allocated = value.is_allocated if hasattr(value, "is_allocated") else value.allocation_info is not None
    fields = (value.scalar_type, value.sizes, value.data_buffer_idx, value.shape_dynamism)
    return kind, *map(plain, fields), allocated


def plain_instruction(call: Any) -> tuple[Any, ...]:
    kind = type(call).__name__
    return kind, *(map(plain, vars(call).values()) if kind in ("KernelCall", "DelegateCall") else ())


@pytest.mark.slow
@pytest.mark.parametrize(
    "fixture", ["tiny_artifact", pytest.param("tiny_delegated_artifact", marks=pytest.mark.slow)]
)
def test_a_program_is_what_executorch_reads(fixture: str, request: pytest.FixtureRequest) -> None:
    artifact: Artifact = request.getfixturevalue(fixture)
    file = ProgramFile(artifact.model_path)
    ours = file.program
    theirs = _flatbuffer_to_program(artifact.model_path.read_bytes()[: file.header_bytes])
    assert [(each.offset, each.size) for each in ours.segments] == [
        (each.offset, each.size) for each in theirs.segments
    ]
    assert ours.constant_segment == theirs.constant_segment.segment_index
    assert list(ours.constant_offsets) == theirs.constant_segment.offsets
    assert [(each.key, each.segment_index) for each in ours.named_data] == [
        (each.key, each.segment_index) for each in theirs.named_data or ()
    ]
    inline = [bytes(each.data) for each in theirs.backend_delegate_data]
    assert [bytes(each) for each in ours.backend_delegate_data] == inline
    for plan, expected in zip(ours.execution_plan, theirs.execution_plan, strict=True):
        assert plan.name == expected.name
        assert plan.encoded_out_str == expected.container_meta_type.encoded_out_str
        assert list(plan.inputs) == expected.inputs
        assert list(plan.outputs) == expected.outputs
        assert [(each.name, each.overload) for each in plan.operators] == [
            (each.name, each.overload) for each in expected.operators
        ]
        assert [(each.id, int(each.location), each.index) for each in plan.delegates] == [
            (each.id, int(each.processed.location), each.processed.index) for each in expected.delegates
        ]
        assert list(map(plain_value, plan.values)) == [plain_value(each.val) for each in expected.values]
        for chain, expected_chain in zip(plan.chains, expected.chains, strict=True):
            calls = [each.instr_args for each in expected_chain.instructions]
            assert list(map(plain_instruction, chain)) == list(map(plain_instruction, calls))
    assert any(isinstance(value, program_schema.Tensor) for value in ours.execution_plan[0].values)


@pytest.mark.slow
def test_a_damaged_description_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    program = write_toy_artifact(tmp_path).read_bytes()
    damaged = tmp_path / "damaged.pte"
    messages = []
    for at in range(0, min(len(program), 4096), 3):
        damaged.write_bytes(program[:at] + bytes([program[at] ^ 0xFF]) + program[at + 1 :])
        try:
            ProgramFile(damaged).metadata()
        except ArtifactError as error:
            messages.append(str(error))
    assert len(messages) > 100
    assert all(str(damaged) in message for message in messages)
