"""`--json-schema` and `--grammar` of `generate` and `mmoe-run`, on the bundled model."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import jsonschema
import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.runtime_bindings.python.library import program_path
from tests.export.cli.conftest import Command

SCHEMA = {
    "type": "array",
    "items": {"type": "integer", "minimum": 1, "maximum": 99},
    "minItems": 2,
    "maxItems": 3,
}
GRAMMAR = 'root ::= " " ("Yea" | "Nay") "."\n'


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """What `mmoe-run` gives."""
    return subprocess.run(
        [program_path("mmoe-run"), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(params=["file", "text"])
def schema(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    text = json.dumps(SCHEMA)
    if request.param == "text":
        return " " + text
    path = tmp_path / "schema.json"
    path.write_text(text)
    return str(path)


def test_an_answer_satisfies_the_schema(mmoe: Command, demo_artifact: Artifact, schema: str) -> None:
    options = ("--prompt", "Numbers: ", "--json-schema", schema, "--temperature", "1.5", "--seed", "3")
    done = mmoe("generate", demo_artifact.folder, *options, "--json")
    assert done.code == 0
    assert done.json["finish_reason"] == "stop_token"
    jsonschema.validate(json.loads(done.json["text"]), SCHEMA)
    native = run(demo_artifact.folder, *options, "--max-new-tokens", 256)
    assert native.stdout == done.json["text"] + "\n"
    assert "finish: stop_token" in native.stderr


def test_an_answer_is_of_the_grammar(mmoe: Command, demo_artifact: Artifact, tmp_path: Path) -> None:
    path = tmp_path / "answer.gbnf"
    path.write_text(GRAMMAR)
    options = ("--chat", "Is it so?", "--grammar", path)
    done = mmoe("generate", demo_artifact.folder, *options, "--json")
    assert done.json["text"] in (" Yea.", " Nay.")
    assert run(demo_artifact.folder, *options).stdout == done.json["text"] + "\n"


def test_what_is_refused_is_told_before_anything_runs(
    mmoe: Command, demo_artifact: Artifact, tmp_path: Path
) -> None:
    prompt = (demo_artifact.folder, "--prompt", "Numbers: ")
    path = tmp_path / "answer.gbnf"
    path.write_text('root ::= "a')
    for options, message in (
        (("--json-schema", '{"not": {}}'), "#/not is not supported"),
        (("--json-schema", tmp_path / "none.json"), "none.json: cannot be read"),
        (("--grammar", path), "(line 1, column 10)"),
    ):
        done = mmoe("generate", *prompt, *options)
        assert (done.code, done.out) == (1, "")
        assert message in " ".join(done.err.split())
        native = run(*prompt, *options)
        assert native.returncode == 1
        assert message in native.stderr
    both = ("--json-schema", "{}", "--grammar", path)
    assert mmoe("generate", *prompt, *both).code == run(*prompt, *both).returncode == 2
