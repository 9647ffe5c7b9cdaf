"""Checks that every view a screen or a part of one looks for is in its layout, and is of the class that it expects.

    python layouts.py android_app/app/src/main

Only a device would find that out otherwise: R.id has the ids of all layouts together.
"""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

ID = "{http://schemas.android.com/apk/res/android}id"
# Classes that may be looked for in place of the layout's own.
SUPERCLASSES = {"TextView": {"Button", "EditText", "TextView"}, "View": None}


def views(layout: Path) -> dict[str, str]:
    """The class of each view with an id."""
    return {
        element.attrib[ID].rpartition("/")[2]: element.tag.rpartition(".")[2]
        for element in ElementTree.parse(layout).iter()
        if ID in element.attrib
    }


def faults(source: Path, resources: Path) -> list[str]:
    code = source.read_text()
    found: dict[str, str] = {}
    # Its own, those of the rows that it makes, and the one that its comment names if it is given the views.
    for layout in re.findall(r"(?:(?<!android\.)R\.layout\.|made from layout/)(\w+)", code):
        found |= views(resources / "layout" / f"{layout}.xml")
    for menu in re.findall(r"R\.menu\.(\w+)", code):
        found |= views(resources / "menu" / f"{menu}.xml")
    lines = [
        f"{source.name}: R.id.{id} is not in its layout"
        for id in re.findall(r"R\.id\.(\w+)", code)
        if id not in found
    ]
    typed = re.findall(r"findViewById<(\w+)>\(R\.id\.(\w+)\)", code) + [
        ("TextView", id) for id in re.findall(r"\btext\(R\.id\.(\w+)", code)
    ]
    fields = dict(re.findall(r"lateinit var (\w+): (\w+)", code))
    typed += [(fields[name], id) for name, id in re.findall(r"(\w+) = findViewById\(R\.id\.(\w+)\)", code)]
    for expected, id in typed:
        allowed = SUPERCLASSES.get(expected, {expected})
        if id in found and allowed is not None and found[id] not in allowed:
            lines.append(f"{source.name}: R.id.{id} is a {found[id]}, not a {expected}")
    return lines


def main() -> int:
    main_folder = Path(sys.argv[1])
    sources = [path for path in main_folder.rglob("*.kt") if "R.id." in path.read_text()]
    lines = [line for path in sources for line in faults(path, main_folder / "res")]
    print(*lines, sep="\n", end="" if not lines else "\n")
    activities = [path for path in sources if "setContentView" in path.read_text()]
    return 1 if lines or len(activities) != 4 else 0


sys.exit(main())
