"""A whole screen: status bar, action bar and layout, in the look of Theme.DeviceDefault."""

from __future__ import annotations

import html
from pathlib import Path

from .resources import Resources
from .scenes import Scene
from .twin import Twin

WIDTH, HEIGHT = 390, 844

CSS = Path(__file__).with_name("screen.css")


def font_faces(folder: Path | None) -> str:
    """CSS of Android's font, from a folder that has Roboto's files; without one, the browser's own font is taken."""
    if folder is None:
        return ""
    faces = {"Regular": "400 normal", "Medium": "500 normal", "Bold": "700 normal", "Italic": "400 italic"}
    return "\n".join(
        f"@font-face {{ font-family: Roboto; font-weight: {each.split()[0]}; font-style: {each.split()[1]}; "
        f'src: url("{(folder / f"Roboto-{name}.ttf").resolve().as_uri()}"); }}'
        for name, each in faces.items()
    )


def page(scene: Scene, resources: Resources, twin: Twin, fonts: Path | None) -> str:
    """The HTML of a screen."""
    dark, scale = resources.dark, resources.font_scale
    sizes = {"width": WIDTH, "height": HEIGHT}
    sizes |= {name: size * scale for name, size in {"size": 14, "caps": 14, "title": 20, "field": 18}.items()}
    variables = {name: f"{size:g}px" for name, size in sizes.items()} | {
        "scale": f"{scale:g}",
        "ground": "#121212" if dark else "#fafafa",
        "ink": "#e8e8e8" if dark else "#1c1c1c",
        "sheet": "#2b2b2b" if dark else "#ffffff",
        "button": "#3a3d3f" if dark else "#d9dcde",
        "quiet": resources.colour("@color/quiet"),
        "accent": resources.colour("@color/accent"),
    }
    root = ";".join(f"--{name}:{value}" for name, value in variables.items())
    css = f":root {{{root}}}\n{font_faces(fonts)}\n{CSS.read_text(encoding='utf-8')}"
    items = resources.menu(scene.menu) if scene.menu else []
    shown = [item for item in items if "always" in item.get("showAsAction", "")]
    actions = "".join(f"<span>{html.escape(resources.text(item['title']))}</span>" for item in shown)
    overflow = "<span>&#8942;</span>" if len(shown) < len(items) else ""
    arrow = "" if scene.menu else "&#8592;&ensp;"
    body = twin.draw(scene.layout, scene.shown(resources))
    dialog = ""
    if scene.dialog is not None:
        title, text = scene.dialog(resources)
        ok = '<div class="Button bar">OK</div>'
        dialog = (
            f'<div class="dialog"><div><b>{html.escape(title)}</b><p>{html.escape(text)}</p>{ok}</div></div>'
        )
    return f"""<!DOCTYPE html><meta charset="utf-8"><style>{css}</style>
<body><div class="status"><span>9:41</span><span>&#9679; 80 %</span></div>
<div class="bar-top"><b>{arrow}{html.escape(resources.text(scene.title))}</b>{actions}{overflow}</div>
<div class="screen">{body}</div>{dialog}
<script>
for (const each of document.querySelectorAll("[data-end]")) each.scrollTop = each.scrollHeight;
</script></body>"""
