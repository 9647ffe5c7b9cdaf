"""Programs that ExecuTorch's own writer wrote, but that are wrong: refused when they are opened, with the reason."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from executorch.exir._serialize._program import deserialize_pte_binary, serialize_pte_binary
from executorch.exir.scalar_type import ScalarType
from executorch.exir.schema import (
    AllocationDetails,
    EValue,
    FreeCall,
    Instruction,
    Int,
    JumpFalseCall,
    KernelCall,
    MoveCall,
    TensorShapeDynamism,
)

from mmoe.export.artifact.artifact import Artifact
from tests.support.subprocesses import run_python

OPEN_AND_RUN = """
import sys
from pathlib import Path
from mmoe.runtime_bindings.python.core import CoreFailure, Status
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.session import Session
try:
    session = Session(Model(Path(sys.argv[1])))
    session.prefill([5, 6, 7])
    session.next()
    session.next()
    print("ran")
except CoreFailure as failure:
    print(failure.status.name, failure)
"""

# The schema's Python classes, as ExecuTorch types them.
Plan = Any


def outcome(artifact: Artifact, folder: Path, edit: Callable[[Plan], object]) -> str:
    """What happens to a copy of the artifact whose forward was edited."""
    shutil.copytree(artifact.folder, folder)
    path = folder / "model.pte"
    file = deserialize_pte_binary(path.read_bytes())
    edit(file.program.execution_plan[0])
    program = bytes(serialize_pte_binary(file, extract_delegate_segments=True))
    path.write_bytes(program)
    manifest = json.loads((folder / "mmoe.json").read_text())
    manifest["files"]["model.pte"] = {
        "bytes": len(program),
        "sha256": hashlib.sha256(program).hexdigest(),
    }
    (folder / "mmoe.json").write_text(json.dumps(manifest))
    ended = run_python(OPEN_AND_RUN, folder)
    assert ended.returncode == 0, ended
    return ended.stdout


def calls(plan: Plan, name: str) -> list[KernelCall]:
    """Of an operator, in the order of the program."""
    found = [instruction.instr_args for instruction in plan.chains[0].instructions]
    return [
        call for call in found if isinstance(call, KernelCall) and plan.operators[call.op_index].name == name
    ]


def argument(plan: Plan, name: str, place: int) -> Any:
    """The content of an argument of the first call of an operator."""
    return plan.values[calls(plan, name)[0].args[place]].val


def set_fields(content: Any, **fields: object) -> None:
    for name, value in fields.items():
        setattr(content, name, value)


def replace_first(plan: Plan, arguments: object) -> None:
    plan.chains[0].instructions[0] = Instruction(instr_args=arguments)


def point_argument(plan: Plan, name: str, place: int, value: EValue) -> None:
    """Gives an operator's first call a value of its own."""
    plan.values.append(value)
    calls(plan, name)[0].args[place] = len(plan.values) - 1


def overlap_by_16_bytes(plan: Plan) -> None:
    source, result = (argument(plan, "aten::unsqueeze_copy", place) for place in (0, 2))
    result.allocation_info.memory_offset_low = source.allocation_info.memory_offset_low + 16


CASES: dict[str, tuple[Callable[[Plan], object], str]] = {
    "operator behind the table": (
        lambda plan: set_fields(calls(plan, "mmoe::linear")[0], op_index=99),
        "there is no operator 99",
    ),
    "negative operator": (
        lambda plan: set_fields(calls(plan, "mmoe::linear")[0], op_index=-1),
        "there is no operator -1",
    ),
    "operator that we do not have": (
        lambda plan: set_fields(plan.operators[calls(plan, "mmoe::linear")[0].op_index], name="mmoe::linaer"),
        r"there is no operator mmoe::linaer\.out",
    ),
    "too few arguments": (
        lambda plan: set_fields(calls(plan, "mmoe::linear_qkv")[0], args=[0, 1, 2]),
        r"mmoe::linear_qkv\.out takes 9 arguments, not 3",
    ),
    "too few arguments of an operator of ATen": (
        lambda plan: set_fields(calls(plan, "aten::select_copy")[0], args=[0]),
        r"aten::select_copy\.int_out takes 5 arguments, not 1",
    ),
    "argument behind the values": (
        lambda plan: calls(plan, "mmoe::moe_ffn")[0].args.__setitem__(0, 100_000),
        "there is no value 100000",
    ),
    "number where a tensor is": (
        lambda plan: point_argument(plan, "mmoe::moe_ffn", 1, EValue(Int(3))),
        r"argument 1 of mmoe::moe_ffn\.out is of another kind",
    ),
    "tensor without data": (
        lambda plan: set_fields(argument(plan, "mmoe::rms_norm", 0), allocation_info=None),
        "is a tensor without data",
    ),
    "result in a constant": (
        lambda plan: set_fields(argument(plan, "aten::cos", 1), allocation_info=None, data_buffer_idx=3),
        "a constant (has no fixed size|, which cannot be written)",
    ),
    "result inside an argument": (overlap_by_16_bytes, "a result in the memory of an argument"),
    "tensor behind its buffer": (
        lambda plan: set_fields(
            argument(plan, "mmoe::rms_norm", 0),
            allocation_info=AllocationDetails(
                memory_id=1, memory_offset_low=plan.non_const_buffer_sizes[1], memory_offset_high=0
            ),
        ),
        "reaches behind the end of its buffer",
    ),
    "buffer that is not planned": (
        lambda plan: set_fields(argument(plan, "mmoe::rms_norm", 0).allocation_info, memory_id=7),
        "a buffer that is not planned",
    ),
    "constant behind its segment": (
        lambda plan: set_fields(argument(plan, "mmoe::moe_ffn", 3), sizes=[8, 2, 4096, 64]),
        "a constant is longer than its segment",
    ),
    "constant that is missing": (
        lambda plan: set_fields(argument(plan, "mmoe::moe_ffn", 3), data_buffer_idx=4000),
        "an index is behind the end of its list",
    ),
    "sizes that overflow": (
        lambda plan: set_fields(argument(plan, "mmoe::rms_norm", 0), sizes=[2**31 - 1] * 3),
        "a tensor is too large",
    ),
    "order of other dimensions": (
        lambda plan: set_fields(argument(plan, "mmoe::rms_norm", 0), dim_order=b"\x00\x00\x02"),
        "a tensor has no order of dimensions",
    ),
    "size without a bound": (
        lambda plan: set_fields(
            argument(plan, "mmoe::rms_norm", 0), shape_dynamism=TensorShapeDynamism.DYNAMIC_UNBOUND
        ),
        "a tensor's size has no bound",
    ),
    "list of what is not there": (
        lambda plan: set_fields(argument(plan, "mmoe::linear_qkv", -1), items=[0, 1, 4000]),
        "a list holds what is not of its kind",
    ),
    "output behind the values": (lambda plan: set_fields(plan, outputs=[-1]), "there is no value -1"),
    "jump": (lambda plan: replace_first(plan, JumpFalseCall(0, 0)), "neither the call of an operator nor"),
    "move": (lambda plan: replace_first(plan, MoveCall(0, 1)), "neither the call of an operator nor"),
    "free": (lambda plan: replace_first(plan, FreeCall(0)), "neither the call of an operator nor"),
}


def assert_refused(ended: str, message: str) -> None:
    assert re.match(rf"CORRUPT .*model\.pte: is damaged \(forward: .*{message}", ended), ended


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_program_is_refused_when_it_is_opened(
    tiny_artifact: Artifact, tmp_path: Path, case: str
) -> None:
    edit, message = CASES[case]
    assert_refused(outcome(tiny_artifact, tmp_path / "artifact", edit), message)


def test_the_writer_itself_is_no_fault(tiny_artifact: Artifact, tmp_path: Path) -> None:
    assert outcome(tiny_artifact, tmp_path / "artifact", lambda plan: None) == "ran\n"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda plan: set_fields(argument(plan, "mmoe::linear", 0), scalar_type=ScalarType.INT), "dtype"),
        (lambda plan: set_fields(argument(plan, "mmoe::moe_ffn", 7), int_val=-1), "top_k"),
        (lambda plan: set_fields(argument(plan, "mmoe::linear", 3), int_val=2**62), "at most 1048576"),
        (lambda plan: set_fields(argument(plan, "aten::select_copy", 1), int_val=77), "select_copy"),
        (
            lambda plan: set_fields(
                argument(plan, "mmoe::embedding_panels", 4),
                allocation_info=argument(plan, "mmoe::embedding_panels", 2).allocation_info,
            ),
            "two arguments share memory",
        ),
    ],
    ids=["dtype", "number of experts", "outputs that overflow", "dimension", "ids written over"],
)
def test_what_only_an_operator_can_tell_is_refused_when_it_runs(
    tiny_artifact: Artifact, tmp_path: Path, edit: Callable[[Plan], object], message: str
) -> None:
    ended = outcome(tiny_artifact, tmp_path / "artifact", edit)
    assert re.match(f"RUNTIME .*forward failed.*{message}", ended), ended


def delegate_call(plan: Plan) -> Any:
    found = [instruction.instr_args for instruction in plan.chains[0].instructions]
    return next(call for call in found if not isinstance(call, KernelCall))


DELEGATE_CASES: dict[str, tuple[Callable[[Plan], object], str]] = {
    "delegate behind the table": (
        lambda plan: set_fields(delegate_call(plan), delegate_index=50),
        "there is no delegate 50",
    ),
    "too few arguments": (
        lambda plan: set_fields(delegate_call(plan), args=delegate_call(plan).args[:2]),
        "of a delegate is missing",
    ),
    "another shape": (
        lambda plan: set_fields(plan.values[delegate_call(plan).args[-1]].val, sizes=[1, 1, 32]),
        "not of the type and the shape that it was compiled for",
    ),
    "another type": (
        lambda plan: set_fields(plan.values[delegate_call(plan).args[0]].val, scalar_type=ScalarType.CHAR),
        "not of the type and the shape that it was compiled for",
    ),
}


@pytest.mark.parametrize("case", DELEGATE_CASES)
def test_a_wrong_call_of_a_delegate_is_refused(
    tiny_delegated_artifact: Artifact, tmp_path: Path, case: str
) -> None:
    edit, message = DELEGATE_CASES[case]
    assert_refused(outcome(tiny_delegated_artifact, tmp_path / "artifact", edit), message)
