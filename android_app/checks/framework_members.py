"""Looks up what an app uses of the platform in the newest API, and the level that introduced it.

    java FrameworkMembers.java JAR... | python framework_members.py platform-37.d.ts newer_members.txt MIN_SDK

Prints each member of android.* with its level. Fails for one that the newest API does not have, for one that is newer
than MIN_SDK, unless newer_members.txt has it with that level, as somebody who has seen to a check of SDK_INT writes it
down, and for a level there that is another one here.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

OPENS = re.compile(r"\s*(?:declare|export) (?:abstract )?(module|class|interface) ([\w.$]+)(.*)\{$")
MEMBER = re.compile(r"\s*(?:public|protected) (static )?(?:abstract )?([\w$]+)(<.*?>)?(\((.*)\))?: .*;$")
CONSTRUCTOR = re.compile(r"\s*(?:public|protected) constructor\((.*)\);$")
PRIMITIVES = {"Z": "boolean", "V": "void", "C": "string"} | dict.fromkeys("BSIJFD", "number")
# TypeScript has its own words for these.
WORDS = {"java.lang.String": "string", "java.lang.CharSequence": "string"}


@dataclass
class Class:
    level: int
    parents: list[str]
    # Level by name and parameters; no parameters at all for a field.
    members: dict[tuple[str, tuple[str, ...] | None], int] = field(default_factory=dict)


def split_types(text: str) -> list[str]:
    """Splits at commas that are in no brackets."""
    parts, depth, part = [], 0, ""
    for character in text:
        depth += (character in "<({") - (character in ">)}")
        if character == "," and depth == 0:
            parts.append(part)
            part = ""
        else:
            part += character
    return [each.strip() for each in [*parts, part] if each.strip()]


def bare(kind: str) -> str:
    """A type without its arguments and null."""
    kind = kind.replace(" | null", "").strip()
    if kind.startswith("androidNative.Array<"):
        return "[" + bare(kind.removeprefix("androidNative.Array<").removesuffix(">"))
    return re.sub(r"<.*>", "", kind)


def parameters(text: str) -> tuple[str, ...]:
    return tuple(bare(each.partition(":")[2]) for each in split_types(text.replace("=>", "")))


def read_platform(path: Path) -> dict[str, Class]:
    """Every class of the declarations by its dotted name."""
    classes: dict[str, Class] = {}
    nest: list[tuple[str, Class | None]] = []
    level = 0
    skipped = 0  # lines within a constructor's object of functions
    for line in path.read_text().splitlines():
        if since := re.search(r"@since (\d+)", line):
            level = int(since[1])
        if skipped or line.rstrip().endswith("(implementation: {"):
            skipped = 0 if line.strip() == "});" else 1
            continue
        if opened := OPENS.match(line):
            kind, name, rest = opened.groups()
            full = ".".join([outer for outer, _ in nest] + [name])
            parents = re.sub(
                r"<[^{]*?>(?=[ ,]|$)", "", rest.replace("extends", ",").replace("implements", ",")
            )
            found = Class(level, [bare(each) for each in split_types(parents)]) if kind != "module" else None
            if found is not None:
                classes[full] = found
            nest.append((name, found))
            level = 0
        elif line.strip() == "}":
            nest.pop()
        elif nest and (owner := nest[-1][1]) is not None:
            if made := CONSTRUCTOR.match(line):
                owner.members[("<init>", parameters(made[1]))] = level
                level = 0
            elif member := MEMBER.match(line):
                has_parameters = member[4] is not None
                owner.members[(member[2], parameters(member[5]) if has_parameters else None)] = level
                level = 0
    return classes


def read_type(descriptor: str) -> tuple[str, str]:
    """The first type of a descriptor in the declarations' words, and the rest."""
    if descriptor[0] == "[":
        kind, rest = read_type(descriptor[1:])
        return "[" + kind, rest
    if descriptor[0] == "L":
        name, rest = descriptor[1:].split(";", 1)
        dotted = name.replace("/", ".").replace("$", ".")
        return WORDS.get(dotted, dotted), rest
    return PRIMITIVES[descriptor[0]], descriptor[1:]


def read_member(member: str) -> tuple[str, tuple[str, ...] | None]:
    """Name and parameters of `method(parameters)result`, or the name of `field:type`."""
    if ":" in member:
        return member.partition(":")[0], None
    name, _, rest = member.partition("(")
    rest = rest.partition(")")[0]
    kinds: list[str] = []
    while rest:
        kind, rest = read_type(rest)
        kinds.append(kind)
    return name, tuple(kinds)


def takes(declared: tuple[str, ...], given: tuple[str, ...]) -> bool:
    """Whether parameters are those of a descriptor, in which a type variable is its bound."""
    if len(declared) != len(given):
        return False
    variable = re.compile(r"\[*(any|[A-Z]\w?)$")
    return all(one == two or variable.match(one) for one, two in zip(declared, given, strict=True))


def level_of(
    classes: dict[str, Class], owner: str, name: str, arguments: tuple[str, ...] | None
) -> int | None:
    """The level of a member of `owner` or of what it inherits from; None if there is none."""
    found = classes.get(owner)
    if found is None:
        return None
    levels = []
    for (each, kinds), level in found.members.items():
        if each != name or (kinds is None) != (arguments is None):
            continue
        if kinds is None or arguments is None or takes(kinds, arguments):
            levels.append(max(level, found.level))
    if name != "<init>":
        inherited = [level_of(classes, parent, name, arguments) for parent in found.parents]
        levels += [max(level, found.level) for level in inherited if level is not None]
    return min(levels) if levels else None


def main() -> int:
    classes = read_platform(Path(sys.argv[1]))
    patched = {}
    for line in Path(sys.argv[2]).read_text().splitlines():
        if line and not line.startswith("#"):
            level, kind, *rest = line.split()
            if kind == "class":
                patched[rest[0].replace("/", ".")] = int(level)
                continue
            patched[rest[1].partition("=")[0].replace("/", ".")] = int(level)
    min_sdk = int(sys.argv[3])
    faults = []
    for line in sys.stdin.read().splitlines():
        owners, member = line.split("\t")
        levels = {}
        for owner in owners.split("|"):
            dotted = owner.replace("/", ".").replace("$", ".")
            if member:
                level = level_of(classes, dotted, *read_member(member))
            else:
                level = classes[dotted].level if dotted in classes else None
            if level is not None:
                levels[owner] = level
        owner = min(levels, key=levels.__getitem__) if levels else owners
        level = levels.get(owner)
        shown = f"{owner}.{member}".replace("/", ".").rstrip(".")
        if level is None:
            faults.append(f"{shown} is not in the newest API")
            continue
        written = patched.get(shown)
        if written is not None and written != max(level, 1):
            faults.append(f"{shown} is of API {level}, not {written}")
        if level > min_sdk and written is None:
            faults.append(f"{shown} is of API {level}, the app runs from {min_sdk}")
        if owner.startswith("android/"):
            print(f"{level or 1:3} {shown}")
    print(*faults, sep="\n", file=sys.stderr, end="\n" if faults else "")
    return 1 if faults else 0


sys.exit(main())
