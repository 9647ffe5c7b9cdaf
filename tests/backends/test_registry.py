"""Backends are found by their folders, and their options by their declarations."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from mmoe.backends.declaration import BackendOptionError
from mmoe.backends.registry import DEFAULT_BACKEND, declaration, declarations

STUB = Path(__file__).parent / "stub_backend"
# A process of its own, so that no other test sees the fourth backend; one for all commands, as each imports torch.
PROGRAM = f"""
import contextlib, io, json, sys
import mmoe.backends
mmoe.backends.__path__.append({str(STUB)!r})
from mmoe.export.cli.main import main
runs = []
for arguments in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    runs.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(runs))
"""


class Run(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


def run(*commands: tuple[object, ...]) -> list[Run]:
    """Runs of `mmoe-export` in a process that has the stub beside the backends of the package."""
    arguments = json.dumps([[str(argument) for argument in command] for command in commands])
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM, arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    return [Run(*one) for one in json.loads(process.stdout)]


def test_the_default_comes_first() -> None:
    assert list(declarations()) == ["xnnpack", "coreml", "mlx"]
    assert next(iter(declarations())) == DEFAULT_BACKEND


@pytest.mark.parametrize(
    ("backend", "options", "message"),
    [
        ("mlx", {"linears": "mmoe"}, "linears: not an option of the mlx backend; its own are activations"),
        ("coreml", {"kv_cache": "int8"}, "kv_cache: not an option of the coreml backend; it has none"),
        ("xnnpack", {"activations": "float32"}, "activations: not an option of the xnnpack backend"),
        (
            "xnnpack",
            {"kv_cache": "int7"},
            "kv_cache: 'int7' is not one of float32, float16, int8; did you mean int8",
        ),
        ("xnnpack", {"linears": "xnnpack", "speculation": "on"}, "speculation: needs linears mmoe"),
        ("xnnpack", {"linears": 3}, "linears: 3 is not one of xnnpack, mmoe"),
    ],
)
def test_options_are_validated(backend: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(BackendOptionError, match=message):
        declaration(backend).read_options(options)


def test_null_is_as_good_as_absent() -> None:
    """Manifests of older artifacts list every backend's options, with null for those of the others."""
    assert declaration("mlx").read_options({"linears": None}) == declaration("mlx").read_options({})


def test_an_unknown_backend_is_refused_with_a_suggestion() -> None:
    with pytest.raises(BackendOptionError, match=r"'xnpack' is not one of .*; did you mean xnnpack"):
        declaration("xnpack")


@pytest.mark.slow
def test_a_fourth_backend_is_one_folder(tiny_checkpoint: Path, tmp_path: Path) -> None:
    target = tmp_path / "artifact"
    abacus = ("convert", tiny_checkpoint, "--backend", "abacus")
    helped, planned, refused, converted, inspected = run(
        ("convert", "--help"),
        (*abacus, "--beads", "glass", "--dry-run", "--json"),
        (*abacus, "--kv-cache", "int8", "--dry-run"),
        (*abacus, "--beads", "glass", "--out", target),
        ("inspect", target, "--json"),
    )
    assert "abacus on wooden frames" in helped.out
    assert "What the abacus counts with." in helped.out

    assert planned.code == 0, planned.err
    config = json.loads((tiny_checkpoint / "config.json").read_text())
    rows = config["num_key_value_heads"] * config["num_hidden_layers"] * config["max_position_embeddings"]
    assert json.loads(planned.out)["plan"]["kv_cache_bytes"] == 100 * rows

    assert refused.code == 2
    assert "'--kv-cache': not an option of the abacus backend; its own are beads" in refused.err

    assert converted.code == 0, converted.err
    assert inspected.code == 0, inspected.err
    recorded = json.loads((target / "mmoe.json").read_text())["backend"]
    assert recorded == {"name": "abacus", "options": {"beads": "glass"}}
    assert "abacus" in inspected.out
