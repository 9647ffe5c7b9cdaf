"""Checks that the screens' texts are in the catalogue, in every language of it, and that the catalogue has no others.

    python strings.py ios_app/App

SwiftUI looks a literal up by itself; one that is not there stays English.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

LANGUAGES = ("de",)
# Literals that are no texts: what stands in front of them.
NO_TEXT = re.compile(
    r"(?:systemImage: |symbol: |systemName: |format: |verbatim: |forResource: |withExtension: |path: |defaultFilename: "
    r"|value\(|sysctlbyname\(|scrollTo\(|\.id\(|separator: |appending: |system: |\?\? "
    r"|first\?\.isNumber == true \? block.marker : )$"
)
LITERAL = re.compile(r'"((?:[^"\\\n]|\\\([^)]*\)|\\.)*)"')


def literals(source: str) -> set[str]:
    """The texts of a file, as keys of the catalogue: the only things that are interpolated are whole numbers."""
    found = set()
    for match in LITERAL.finditer(source):
        before = re.sub(r"\s+", " ", source[max(0, match.start() - 80) : match.start()])
        text = re.sub(r"\\\((?:[^()]|\([^()]*\))*\)", "%lld", match.group(1))
        if not NO_TEXT.search(before) and text.replace("%lld", "").strip():
            found.add(text)
    return found


def main() -> int:
    folder = Path(sys.argv[1])
    catalogue = json.loads((folder / "Localizable.xcstrings").read_text())["strings"]
    faults = [
        f"{text}: not in {language}"
        for text, entry in catalogue.items()
        for language in LANGUAGES
        if not entry["localizations"].get(language, {}).get("stringUnit", {}).get("value")
    ]
    used = {}
    for path in sorted(folder.glob("*.swift")):
        used |= dict.fromkeys(literals(path.read_text()), path.name)
    faults += [
        f"{used[text]}: {text!r} is not in the catalogue" for text in sorted(used) if text not in catalogue
    ]
    faults += [f"{text!r} of the catalogue is in no screen" for text in catalogue if text not in used]
    print(*faults, sep="\n", end="\n" if faults else "")
    return 1 if faults or len(used) < 20 else 0


sys.exit(main())
