"""The scenarios that mmoe-run can perform: the ids of conversations, and the artifact's sampling."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from mmoe.export.artifact.artifact import Artifact
from mmoe.runtime_bindings.python.library import library_path
from tests.conformance.scenarios import FILES, Call, conversation_file, folder_of, read_scenarios

PROGRAM = library_path().parents[1] / "bin" / "mmoe-run"
SCENARIOS = [scenario for path in FILES for scenario in read_scenarios(path)]


def run(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(PROGRAM), str(folder), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=300)


def prompt_ids(folder: Path, call: Call) -> dict[str, Any]:
    arguments = ("--messages", conversation_file(call), "--now", call["now"], "--print-prompt-ids")
    done = run(folder, *arguments)
    if done.returncode != 0:
        assert (done.returncode, done.stdout) == (1, "")
        assert "chat_template.jinja: line " in done.stderr
        return {"error": "invalid_argument"}
    return {"ids": [int(token) for token in done.stdout.split(",")]}


def test_conversations_have_the_same_ids(demo_artifact: Artifact, variants: Path) -> None:
    count = 0
    for scenario in SCENARIOS:
        folder = folder_of(scenario, demo_artifact.folder, variants)
        for call in scenario["calls"]:
            if call["call"] == "chat_json":
                count += 1
                assert prompt_ids(folder, call) == call["expect"], (scenario["name"], call["conversation"])
    assert count >= 90


@pytest.mark.parametrize(
    "scenario",
    [
        each
        for each in SCENARIOS
        if each.get("artifact") == "sampled" and each["calls"][-1]["call"] in ("generate", "send")
    ],
    ids=lambda scenario: scenario["name"],
)
def test_the_artifacts_sampling_counts_unless_options_say_otherwise(
    scenario: dict[str, Any], demo_artifact: Artifact, variants: Path
) -> None:
    call = scenario["calls"][-1]
    given = next((each["sampling"] for each in (scenario, *scenario["calls"]) if "sampling" in each), None)
    # Options replace single values; this one replaces the whole.
    greedy = ("--temperature", 0, "--repetition-penalty", 1)
    assert given in (None, {"temperature": 0})
    done = run(
        folder_of(scenario, demo_artifact.folder, variants),
        *("--chat" if call["call"] == "send" else "--prompt", call["text"]),
        *("--max-new-tokens", call["max_new_tokens"]),
        *(greedy if given else ()),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == call["expect"]["text"] + "\n"
