"""The texts of the screens, from the app's own catalogue."""

from __future__ import annotations

import json
from pathlib import Path

CATALOGUE = Path("ios_app/App/Localizable.xcstrings")


class Texts:
    """Looks texts up as SwiftUI does, and knows which were asked for."""

    def __init__(self, catalogue: Path = CATALOGUE, language: str = "en") -> None:
        """Reads the catalogue.

        Args:
            catalogue: An Xcode string catalogue.
            language: "en", whose texts are the keys, or one that the catalogue has.
        """
        self._strings = json.loads(catalogue.read_text(encoding="utf-8"))["strings"]
        self._language = language
        self.used: set[str] = set()

    def __call__(self, key: str, *numbers: int) -> str:
        """A text with its numbers.

        Args:
            key: As the screens have it, `%lld` for a number.
            numbers: What stands in their places.

        Raises:
            KeyError: The catalogue has no such text.
        """
        entry = self._strings[key]
        self.used.add(key)
        text = (
            key if self._language == "en" else entry["localizations"][self._language]["stringUnit"]["value"]
        )
        for number in numbers:
            text = text.replace("%lld", str(number), 1)
        return text
