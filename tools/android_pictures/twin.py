"""Turns a layout into HTML that a browser lays out as Android does, as far as the app's layouts go."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree

from .resources import Resources, attributes

TEXTS = {"TextView", "Button", "EditText", "Spinner"}
LAYOUTS = {"LinearLayout", "FrameLayout", "ScrollView", "HorizontalScrollView"}
ALIGN = {"start": "flex-start", "end": "flex-end", "center_horizontal": "center", "bottom": "flex-end"}


@dataclass
class Shown:
    """What a screen does to one of its views.

    Attributes:
        text: HTML in place of the layout's own text.
        rows: what is put into it, each a layout with what is shown in that.
        gone: whether it takes no room; None for what the layout says.
        enabled: whether it can be pressed.
        progress: of a bar, 0 to 1.
        style: CSS that the program sets.
        end: whether it is scrolled to its end.
    """

    text: str | None = None
    rows: list[tuple[str, Mapping[str, Shown]]] = field(default_factory=list)
    gone: bool | None = None
    enabled: bool = True
    progress: float = 0.0
    style: str = ""
    end: bool = False


class Twin:
    """Draws layouts of one configuration; remembers which it has drawn, and which views it was given."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self.layouts: set[str] = set()
        self.missing: set[str] = set()

    def draw(self, layout: str, shown: Mapping[str, Shown]) -> str:
        """HTML of a layout.

        Args:
            layout: its name.
            shown: by the id of a view; the key "" is the layout's root.
        """
        self.layouts.add(layout)
        root = self.resources.layout(layout)
        ids = {attributes(each).get("id", "").rpartition("/")[2] for each in root.iter()}
        self.missing |= {f"{layout}: {id}" for id in shown if id and id not in ids}
        return self._view(root, "column", shown, shown.get(""))

    def _view(
        self, element: ElementTree.Element, parent: str, shown: Mapping[str, Shown], own: Shown | None = None
    ) -> str:
        tag = element.tag
        given = attributes(element)
        own = own or shown.get(given.get("id", "").rpartition("/")[2], Shown())
        if own.gone if own.gone is not None else given.get("visibility") == "gone":
            return ""
        style = self._size(given, parent) | self._box(given)
        if tag in LAYOUTS:
            style |= self._layout(tag, given)
            horizontal = tag == "LinearLayout" and given.get("orientation") == "horizontal"
            inside = "frame" if tag == "FrameLayout" else "row" if horizontal else "column"
            children = [self._view(child, inside, shown) for child in element]
            children += [self.draw(name, each) for name, each in own.rows]
            content = "".join(children)
        elif tag in TEXTS:
            style |= self._text(given)
            content = self._content(tag, given, own)
        elif tag == "ProgressBar":
            content = f'<div style="width:{own.progress * 100:.0f}%"></div>'
        else:
            content = own.text or ""
        kind = tag + (" bar" if "buttonBarButtonStyle" in given.get("style", "") else "")
        kind += "" if own.enabled else " disabled"
        css = ";".join(f"{name}:{value}" for name, value in style.items()) + (
            ";" + own.style if own.style else ""
        )
        end = ' data-end="1"' if own.end else ""
        return f'<div class="{kind}" style="{html.escape(css)}"{end}>{content}</div>'

    def _content(self, tag: str, given: dict[str, str], own: Shown) -> str:
        if own.text is not None:
            return own.text
        if "text" in given:
            return html.escape(self.resources.text(given["text"]))
        if tag == "EditText" and "hint" in given:
            return f'<span class="hint">{html.escape(self.resources.text(given["hint"]))}</span>'
        return ""

    def _size(self, given: dict[str, str], parent: str) -> dict[str, str]:
        style: dict[str, str] = {"flex-shrink": "0"}
        weight = given.get("layout_weight")
        for name, along, across in (("width", "row", "column"), ("height", "column", "row")):
            value = given.get(f"layout_{name}", "wrap_content")
            if weight and parent == along:
                style |= {"flex": f"{weight} 1 0", f"min-{name}": "0"}
            elif value == "match_parent":
                style |= (
                    {"align-self": "stretch"}
                    if parent == across
                    else {"flex": "1 1 auto", f"min-{name}": "0"}
                )
                if parent == "frame":
                    style[name] = "100%"
            elif value == "wrap_content":
                style |= {"align-self": "flex-start"} if parent == across == "column" else {}
            else:
                style[name] = self.resources.size(value)
        gravity = given.get("layout_gravity", "")
        for word in gravity.split("|"):
            if word in ALIGN and parent == "column":
                style["align-self"] = ALIGN[word]
        if parent == "frame" and "bottom" in gravity:
            style |= {"position": "absolute", "bottom": "8px", "left": "50%", "transform": "translateX(-50%)"}
        return style

    def _box(self, given: dict[str, str]) -> dict[str, str]:
        style = {}
        sides = {"Start": "left", "Top": "top", "End": "right", "Bottom": "bottom"}
        for kind, css in (("padding", "padding"), ("layout_margin", "margin")):
            if kind in given:
                style[css] = self.resources.size(given[kind])
            for side, name in sides.items():
                if kind + side in given:
                    style[f"{css}-{name}"] = self.resources.size(given[kind + side])
        if "background" in given:
            style |= self.resources.background(given["background"])
        for name in ("minHeight", "minWidth"):
            if name in given:
                style[f"min-{name.removeprefix('min').lower()}"] = self.resources.size(given[name])
        return style

    def _layout(self, tag: str, given: dict[str, str]) -> dict[str, str]:
        if tag == "FrameLayout":
            return {
                "position": "relative",
                "overflow": "hidden",
                "display": "flex",
                "flex-direction": "column",
            }
        row = tag == "LinearLayout" and given.get("orientation") == "horizontal"
        style = {"display": "flex", "flex-direction": "row" if row else "column"}
        gravity = given.get("gravity", "")
        if row:
            style["align-items"] = "flex-end" if "bottom" in gravity else "center" if gravity else "stretch"
        if "ScrollView" in tag:
            style["overflow"] = "hidden"
        return style

    def _text(self, given: dict[str, str]) -> dict[str, str]:
        style = {}
        if "textSize" in given:
            style["font-size"] = self.resources.size(given["textSize"])
        if "textColor" in given:
            style["color"] = self.resources.colour(given["textColor"])
        if given.get("textStyle") == "bold":
            style["font-weight"] = "bold"
        if given.get("typeface") == "monospace":
            style["font-family"] = "monospace"
        if "center" in given.get("gravity", ""):
            style["text-align"] = "center"
        if "lineSpacingMultiplier" in given:
            style["line-height"] = f"{1.17 * float(given['lineSpacingMultiplier']):.3f}"
        if given.get("textAllCaps") == "false":
            style["text-transform"] = "none"
        return style
