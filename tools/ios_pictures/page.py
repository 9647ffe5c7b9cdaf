"""A whole screen of a phone with its status bar."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .scenes import Scene
from .texts import Texts

WIDTH, HEIGHT = 390, 844

CSS = Path(__file__).with_name("screen.css")


@dataclass(frozen=True)
class Look:
    """How a phone is set: dark or light, and by how much its font is larger."""

    dark: bool = False
    scale: float = 1.0


LOOKS = {"light": Look(), "dark": Look(dark=True), "large": Look(scale=1.35)}


def page(scene: Scene, texts: Texts, look: Look) -> str:
    """The HTML of a screen, in the system's colours."""
    colours = (
        {
            "ink": "#fff",
            "ground": "#000",
            "list": "#000",
            "group": "#1c1c1e",
            "quiet": "#98989f",
            "tint": "#0a84ff",
            "sheet": "#1c1c1e",
            "card": "#2c2c2e",
        }
        if look.dark
        else {
            "ink": "#000",
            "ground": "#fff",
            "list": "#f2f2f7",
            "group": "#fff",
            "quiet": "#6c6c70",
            "tint": "#007aff",
            "sheet": "#f2f2f7",
            "card": "#fff",
        }
    )
    root = ";".join(f"--{name}:{value}" for name, value in (colours | {"scale": f"{look.scale:g}"}).items())
    return (
        f'<!DOCTYPE html><meta charset="utf-8"><style>:root {{{root}}}\n{CSS.read_text(encoding="utf-8")}</style>'
        f'<body><div class="status"><span>9:41</span><span>80 %</span></div>{scene(texts)}</body>'
    )
