"""A process whose locale writes decimals with a comma, as desktop programs have that follow their user's language."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from mmoe.export.artifact.artifact import Artifact
from tests.support import comma_locale
from tests.support.template_oracle import render

SNIPPETS = [
    "{{ 2.5 }} {{ x }} {{ -1.25e-3 }} {{ 1e22 }}",
    "{{ x | tojson }} {{ {'a': [x, 0.1]} | tojson }}",
    "{{ '1.5' | float }} {{ '1,5' | float }} {{ '2.75' | int }} {{ '1,5' | int }} {{ ' 1e3 ' | float }}",
    "{{ 2.567 | round(2) }} {{ 1234.5 | round(-2) }} {{ 2.5 | round }}",
    "{{ '%.2f|%e|%g|%#.0f' | format(x, x, x, x) }} {{ '{:.1f} {:,.2f} {}'.format(x, 1234.5, x) }}",
    "{{ x > 0.5 }} {{ x == 0.75 }}",
]
VARIABLES = {"x": 0.75}
SAMPLING = {"temperature": 0.625, "top_p": 0.875, "min_p": 0.0625, "repetition_penalty": 1.125}

_CODE = """
import ctypes, json, locale, sys
import mmoe
from mmoe.runtime_bindings.python.template import CoreTemplate
locale.setlocale(locale.LC_NUMERIC, sys.argv[1])
libc = ctypes.CDLL(None)
libc.strtod.restype = ctypes.c_double
assert libc.strtod(b"1,5", None) == 1.5, "the process has another locale"
given = json.loads(sys.argv[3])
variables = json.dumps(given["variables"]).encode()
texts = [CoreTemplate(each).render_with_origins(variables, now="2026-07-04T12:30:05")[0].decode()
         for each in given["snippets"]]
with mmoe.load(sys.argv[2]) as model:
    sampling = {name: getattr(model.sampling, name) for name in given["sampling"]}
    schema = {"type": "number", "minimum": 0.25, "maximum": 0.25}
    number = "".join(model.generate("And", json_schema=schema, max_new_tokens=20))
print(json.dumps({"texts": texts, "sampling": sampling, "number": number}))
"""


def test_numbers_are_read_and_written_as_in_any_other(demo_artifact: Artifact, tmp_path: Path) -> None:
    locales, folder = tmp_path / "locales", tmp_path / "artifact"
    locales.mkdir()
    comma_locale.write_comma_locale(locales)
    shutil.copytree(demo_artifact.folder, folder)
    manifest = json.loads((folder / "mmoe.json").read_text())
    manifest["runtime"] |= SAMPLING
    (folder / "mmoe.json").write_text(json.dumps(manifest))
    given = json.dumps({"snippets": SNIPPETS, "variables": VARIABLES, "sampling": list(SAMPLING)})
    found = json.loads(
        subprocess.run(
            [sys.executable, "-c", _CODE, comma_locale.NAME, str(folder), given],
            env=os.environ | {"LOCPATH": str(locales)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    )
    assert found["texts"] == [render(each, VARIABLES) for each in SNIPPETS]
    assert found["sampling"] == SAMPLING
    assert float(found["number"]) == 0.25
