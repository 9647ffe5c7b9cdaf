"""Checks that a library of operators finds all that it takes from ExecuTorch in other libraries.

    python executorch_symbols.py libmmoe_ops.so LIBRARY...

A symbol with a type of the C++ library in its name would be another one under Android's libc++, whose namespace is
`__ndk1`; such ones fail, too. Segments have to be aligned for pages of 16 KB. Needs readelf.
"""

from __future__ import annotations

import re
import subprocess
import sys


def readelf(*arguments: str) -> list[list[str]]:
    text = subprocess.run(
        ["readelf", "--wide", *arguments], check=True, capture_output=True, text=True
    ).stdout
    return [line.split() for line in text.splitlines()]


def symbols(library: str) -> tuple[set[str], set[str]]:
    """The names that a library defines, and those that it wants."""
    defined, wanted = set(), set()
    for words in readelf("--dyn-syms", library):
        if len(words) == 8 and words[0].rstrip(":").isdigit():
            (wanted if words[6] == "UND" else defined).add(words[7].partition("@")[0])
    return defined, wanted


def main() -> int:
    operators, *others = sys.argv[1:]
    _, wanted = symbols(operators)
    there = set().union(*(symbols(library)[0] for library in others))
    ours = sorted(name for name in wanted if re.search(r"10executorch|pthreadpool", name))
    faults = [f"{name} is in none of the libraries" for name in ours if name not in there]
    faults += [
        f"{name} has a type of libc++ in its name" for name in ours if re.search(r"St3__1|St6__ndk1", name)
    ]
    alignments = {words[-1] for words in readelf("--segments", operators) if words and words[0] == "LOAD"}
    if alignments != {"0x4000"}:
        faults.append(f"segments are aligned to {sorted(alignments)}, not 0x4000")
    print(f"-- {len(ours)} symbols of ExecuTorch are wanted:", *ours, sep="\n")
    print(*faults, sep="\n", end="\n" if faults else "")
    return 1 if faults or not ours else 0


sys.exit(main())
