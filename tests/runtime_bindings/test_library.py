"""Finding and loading the operator library."""

import ctypes
import re
from importlib import import_module
from pathlib import Path

import pytest
import torch
from executorch.runtime import Runtime

from mmoe.runtime_bindings.python import library
from mmoe.runtime_bindings.python.errors import RuntimeFailure

# Every operator that a program can contain has a kernel, and every kernel can be exported.
import_module("mmoe.backends.xnnpack.ops")  # registers the schemas
OPERATORS = {name for name in torch._C._dispatch_get_all_op_names() if re.fullmatch(r"mmoe::\w+\.out", name)}


def test_loading_twice_registers_once():
    library.load_operator_library()
    library.load_operator_library()
    registered = [
        name for name in Runtime.get().operator_registry.operator_names if name.startswith("mmoe::")
    ]
    assert sorted(registered) == sorted(OPERATORS)


def test_a_missing_library_says_how_to_build_it(monkeypatch, tmp_path):
    monkeypatch.setattr(library, "__file__", str(tmp_path / "python" / "library.py"))
    with pytest.raises(RuntimeFailure, match=r"libmmoe_ops\.so does not exist: .*pip install"):
        library.library_path()


def test_a_damaged_library_is_reported(monkeypatch, tmp_path):
    damaged = tmp_path / "libmmoe_ops.so"
    damaged.write_bytes(b"not a library")
    monkeypatch.setattr(library, "_loaded", None)
    monkeypatch.setattr(library, "library_path", lambda: damaged)
    with pytest.raises(RuntimeFailure, match="cannot be loaded"):
        library.load_operator_library()


def test_the_kernels_need_no_executorch():
    path = Path(library.library_path()).with_name("libmmoe_kernels_c.so")
    assert b"libexecutorch" not in path.read_bytes()
    assert ctypes.CDLL(str(path)).mmoe_check_isa(b"portable") == 0
