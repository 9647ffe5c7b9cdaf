"""Performs every call of the scenarios by the Python API and writes what it gave as what is expected.

    python -m tests.conformance.record ARTIFACT

ARTIFACT is the bundled checkpoint, converted. Read the difference before it is committed: test_conformance.py compares
with other implementations what has one, the rest is what Python says.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.conformance.scenarios import FILES, folder_of, perform, read_scenarios
from tests.conformance.variants import write_variants


def main() -> None:
    """Rewrites the files."""
    (artifact,) = map(Path, sys.argv[1:])
    with tempfile.TemporaryDirectory() as scratch:
        variants = Path(scratch)
        write_variants(artifact, variants)
        for path in FILES:
            scenarios = read_scenarios(path)
            for scenario in scenarios:
                _record(folder_of(scenario, artifact, variants), scenario)
            texts = ",\n".join(map(_text, scenarios))
            path.write_text(f"[\n{texts}\n]\n", encoding="utf-8")


def _record(folder: Path, scenario: Mapping[str, Any]) -> None:
    for call, result in zip(scenario["calls"], perform(folder, scenario), strict=True):
        call.pop("expect", None)
        if result:
            call["expect"] = result


def _text(scenario: Mapping[str, Any]) -> str:
    """One line for each call, so that a difference shows the calls that it is about."""
    head = {name: value for name, value in scenario.items() if name != "calls"}
    calls = ",\n".join(f"    {_json(call)}" for call in scenario["calls"])
    return f'  {_json(head)[:-1]}, "calls": [\n{calls}\n  ]}}'


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main()
