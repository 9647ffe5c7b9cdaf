"""Checkpoints that are almost valid: hypothesis edits the structure of their files, a place at a time.

case = data.draw(mutations(originals))
case.write(folder)
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

DEEP = "[" * 100_000 + "]" * 100_000

# What stands in for a value: the edges of number ranges, wrong kinds, hostile names and texts.
_VALUES: tuple[object, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2,
    3,
    31,
    33,
    2**31 - 1,
    2**31,
    2**32,
    2**53 + 1,
    2**63,
    2**64,
    10**400,
    0.0,
    -0.0,
    1e-320,
    1e308,
    1.5,
    float("nan"),
    float("inf"),
    -float("inf"),
    "",
    ".",
    "..",
    "/etc/hostname",
    "../x.safetensors",
    "x" * 300,
    "\0",
    "\x1b[2J",
    "\ud800",
    "\u202e",
    "{{",
    "a" * 10_000,
    "F32",
    "BF16",
    "U8",
    "BPE",
    "Unigram",
    "WordPiece",
    "Sequence",
    "ByteLevel",
    "Split",
    "(" * 500,
    "(a*)*b",
    "[",
    [],
    [0],
    [2**40, 2**40],
    [-1, 2],
    ["a", "b"],
    [[]],
    {},
    {"": ""},
    {"type": "Sequence"},
    {"a": {"a": {"a": []}}},
)

# Pieces of templates: errors, loops, filters, deep nesting, arithmetic without end.
_SNIPPETS = (
    "{{",
    "}}",
    "{%",
    "{% for a in messages %}",
    "{% endfor %}",
    "{{ 1/0 }}",
    "{{ 9**9**9 }}",
    "{{ 'a' * 10**12 }}",
    "{{ [0] * 10**12 }}",
    "{{ 'x' % 1 }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '{:1000000000}'.format(1) }}",
    "{{ 'a'.ljust(10**12) }}",
    "{{ 'a' | center(10**12) }}",
    "{{ lipsum(n=1000000) }}",
    "{{ range(10**12) | list }}",
    "{% for a in range(99999) %}" * 3 + "x" + "{% endfor %}" * 3,
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "{{ " + "not " * 5000 + "1 }}",
    "{% if 1 %}" * 500 + "{% endif %}" * 500,
    "{{ ''.__class__.__mro__ }}",
    "{{ messages.append(1) }}",
    "{{ messages[99].content }}",
    "{{ raise_exception('\x1b[2J') }}",
    "{{ strftime_now('%Y' * 10000) }}",
    "{{ strftime_now('\ud800') }}",
    "{% include 'x' %}",
    "{% import 'x' as y %}",
    "{% extends 'x' %}",
    "{% set x = namespace() %}{% set x.a = x %}{{ x }}",
    "{{ messages | tojson(indent=10**9) }}",
    "{{ 1 | int(base=99) }}",
    "{{ 'x' | replace('', 'y' * 99999) | replace('', 'y' * 99999) }}",
    "{% break %}",
    "{% generation %}",
    "{# ",
    "{% raw %}",
    "\0",
    "\u2028",
)


@dataclass
class Files:
    """A checkpoint's files by name, as bytes."""

    contents: dict[str, bytes]
    steps: list[str] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Writes them into an existing, empty folder."""
        for name, content in self.contents.items():
            (folder / name).write_bytes(content)


def read_files(folder: Path) -> dict[str, bytes]:
    """The files of a checkpoint folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@st.composite
def mutations(draw: st.DrawFn, originals: Mapping[str, bytes]) -> Files:
    """A checkpoint with one to four places edited."""
    files = Files(dict(originals))
    for _ in range(draw(st.integers(1, 4))):
        name = draw(st.sampled_from(sorted(originals)))
        content = files.contents[name]
        kind = draw(st.integers(0, 19))
        if kind == 0:
            files.contents[name] = _cut(draw, content)
        elif kind == 1:
            files.contents[name] = _spliced(draw, content)
        elif name.endswith(".safetensors"):
            files.contents[name] = _with_header(draw, content)
        elif name.endswith(".jinja"):
            files.contents[name] = _with_snippet(draw, content)
        else:
            files.contents[name] = _with_json(draw, content)
        files.steps.append(name)
    return files


def _cut(draw: st.DrawFn, content: bytes) -> bytes:
    return content[: draw(st.integers(0, len(content)))]


def _spliced(draw: st.DrawFn, content: bytes) -> bytes:
    place = draw(st.integers(0, len(content)))
    return content[:place] + draw(st.binary(min_size=1, max_size=8)) + content[place:]


def _with_header(draw: st.DrawFn, content: bytes) -> bytes:
    """Edits the JSON header of a safetensors file, and sometimes the length that stands before it."""
    length = int.from_bytes(content[:8], "little")
    header = _with_json(draw, content[8 : 8 + length])
    told = draw(st.sampled_from((len(header), len(header), len(header), 0, 2**63, len(header) + 1)))
    return told.to_bytes(8, "little") + header + content[8 + length :]


def _with_snippet(draw: st.DrawFn, content: bytes) -> bytes:
    text = content.decode(errors="surrogateescape")
    place = draw(st.one_of(st.sampled_from((0, len(text))), st.integers(0, len(text))))
    snippet = draw(st.sampled_from(_SNIPPETS))
    return (text[:place] + snippet + text[place:]).encode(errors="surrogatepass")


def _with_json(draw: st.DrawFn, content: bytes) -> bytes:
    """Edits a place in a JSON document; what is no JSON (any more) stays."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return content
    holder: Any = {"root": data}
    key: Any = "root"
    for _ in range(draw(st.integers(1, 6))):
        child = holder[key]
        if not isinstance(child, (dict, list)) or not child:
            break
        holder, key = child, draw(st.sampled_from(_keys(child)))
    match draw(st.integers(0, 7)):
        case 0 if holder is not data or isinstance(holder, (dict, list)):
            del holder[key]
            return _dumped(data)
        case 1 if isinstance(holder, dict):
            holder[str(draw(st.sampled_from([v for v in _VALUES if isinstance(v, str)])))] = holder.pop(key)
        case 2:
            deep = "DEEP PLACE"
            holder[key] = deep
            return _dumped(data).replace(json.dumps(deep).encode(), DEEP.encode())
        case 3 if isinstance(holder, list):
            holder.extend(holder[:] * draw(st.sampled_from((1, 100))))
        case _:
            holder[key] = draw(st.sampled_from(_VALUES))
    return _dumped(holder["root"] if "root" in holder and len(holder) == 1 else data)


def _keys(child: dict[str, object] | list[object]) -> list[object]:
    """The first keys come first, so that large tables of tokens do not take all the attention."""
    return list(child)[:40] if isinstance(child, dict) else list(range(min(len(child), 40)))


def _dumped(data: object) -> bytes:
    return json.dumps(data).encode()


def cases_wanted(default: int) -> int:
    """How many cases a run tries: `MMOE_CHECKPOINT_MUTATIONS`, where it is set."""
    return int(os.environ.get("MMOE_CHECKPOINT_MUTATIONS", default))
