"""Reads the app's `res/` as Android would for one configuration: language, light or dark, size of the font."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

ANDROID = "{http://schemas.android.com/apk/res/android}"


def attributes(element: ElementTree.Element) -> dict[str, str]:
    """The `android:` attributes and `style`, by their bare names."""
    return {name.removeprefix(ANDROID): value for name, value in element.attrib.items()}


@dataclass
class Resources:
    """The resources of one configuration.

    Attributes:
        folder: `res/`.
        dark: whether `-night` counts.
        language: `""` for English, or the qualifier, `"de"`.
        font_scale: what the user has multiplied all text sizes by.
    """

    folder: Path
    dark: bool = False
    language: str = ""
    font_scale: float = 1.0
    _values: dict[str, dict[str, str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        qualifiers = ["", "-night"] if self.dark else [""]
        self._values["color"] = {
            each.attrib["name"]: (each.text or "").strip()
            for qualifier in qualifiers
            for each in self._parse(f"values{qualifier}/colors.xml").iter("color")
        }
        languages = ["", f"-{self.language}"] if self.language else [""]
        self._values["string"] = {
            each.attrib["name"]: _unescaped(each.text or "")
            for qualifier in languages
            for each in self._parse(f"values{qualifier}/strings.xml").iter("string")
        }

    def _parse(self, name: str) -> ElementTree.Element:
        return ElementTree.parse(self.folder / name).getroot()

    def layout(self, name: str) -> ElementTree.Element:
        """The root of `layout/NAME.xml`."""
        return self._parse(f"layout/{name}.xml")

    def menu(self, name: str) -> list[dict[str, str]]:
        """The attributes of the items of `menu/NAME.xml`."""
        return [attributes(item) for item in self._parse(f"menu/{name}.xml").iter("item")]

    def text(self, value: str, *arguments: object) -> str:
        """A text, or what a reference such as `@string/open` means, with its arguments."""
        text = (
            self._values["string"][value.removeprefix("@string/")] if value.startswith("@string/") else value
        )

        def argument(match: re.Match[str]) -> str:
            return str(arguments[int(match[1]) - 1])

        return re.sub(r"%(\d)\$[ds]", argument, text).replace("%%", "%")

    def colour(self, value: str) -> str:
        """A colour as CSS has it."""
        return self._values["color"][value.removeprefix("@color/")] if value.startswith("@color/") else value

    def background(self, value: str) -> dict[str, str]:
        """CSS of a colour or of a drawable that is a shape."""
        if not value.startswith("@drawable/"):
            return {"background": self.colour(value)}
        shape = self._parse(f"drawable/{value.removeprefix('@drawable/')}.xml")
        style = {}
        for each in shape:
            if each.tag == "solid":
                style["background"] = self.colour(attributes(each)["color"])
            if each.tag == "corners":
                style["border-radius"] = self.size(attributes(each)["radius"])
        return style

    def size(self, value: str) -> str:
        """A length as CSS has it: a dp is a pixel, an sp one of the user's size."""
        number = float(re.sub(r"[a-z]+$", "", value))
        return f"{number * (self.font_scale if value.endswith('sp') else 1):g}px"


def _unescaped(text: str) -> str:
    text = text[1:-1] if text.startswith('"') else re.sub(r"\s+", " ", text)
    return text.replace("\\n", "\n").replace("\\'", "'").replace('\\"', '"')
