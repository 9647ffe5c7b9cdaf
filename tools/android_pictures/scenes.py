"""What the pictures show: for each screen, what its activity would put into the layout's views."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .resources import Resources
from .twin import Shown

Fill = Mapping[str, Shown]


@dataclass(frozen=True)
class Scene:
    """A screen at a moment.

    Attributes:
        name: of the picture's file.
        title: of the action bar, a text or its reference.
        layout: the activity's.
        shown: what is in its views.
        menu: of its action bar, if it has one.
        dialog: title and text of a dialog in front of it.
    """

    name: str
    title: str
    layout: str
    shown: Callable[[Resources], Fill]
    menu: str = ""
    dialog: Callable[[Resources], tuple[str, str]] | None = None


def _text(markup: str, size: int = 16, depth: int = 0) -> tuple[str, Fill]:
    """A paragraph of an answer, in HTML; as BlockViews.kt styles it."""
    style = f"padding-left:{12 * depth}px" + (
        f";font-size:calc({size}px * var(--scale))" if size != 16 else ""
    )
    return "block_text", {"": Shown(text=markup, style=style)}


def _item(markup: str) -> tuple[str, Fill]:
    return "block_text", {
        "": Shown(text=f"&bull;&ensp;{markup}", style="padding-left:30px;text-indent:-18px")
    }


def _code(code: str) -> tuple[str, Fill]:
    return "block_code", {"code": Shown(text=html.escape(code))}


def _turn(said: str, blocks: list[tuple[str, Fill]], **more: Shown) -> tuple[str, Fill]:
    return "turn", {"said": Shown(text=html.escape(said)), "answer": Shown(rows=blocks)} | more


def _done(rate: str) -> dict[str, Shown]:
    return {"actions": Shown(gone=False), "figures": Shown(text=rate)}


TIDES = [
    _text("<b>Because of the Moon</b>", 20),
    _text(
        "Its pull is stronger on the near side of the Earth than on the far side. "
        "So there are <b>two</b> bulges of water:"
    ),
    _item("one <i>towards</i> the Moon,"),
    _item("one on the side that looks away from it."),
    _text(
        "The Earth turns below them once a day, and most coasts see two high tides, some 12 h 25 min apart."
    ),
]
LOOP = [
    _text("A running sum needs no list of its own:"),
    _code(
        "fun sums(all: List<Int>): List<Int> =\n    all.runningReduce(Int::plus)\n\n"
        "sums(listOf(1, 2, 3))  // 1, 3, 6"
    ),
    _text("<code>runningReduce</code> begins with the first element; with <code>runningFold</code> you give"),
]


def _opened(resources: Resources) -> Shown:
    return Shown(text=resources.text("@string/opened", "MobileMoE-S", "714 MB", 8192, "0.31 s", 4))


def _chat(resources: Resources) -> Fill:
    turns = [
        _turn("Why are there tides?", TIDES, **_done("34.1 tokens/s")),
        _turn("And a running sum in Kotlin?", LOOP),
    ]
    return {
        "status": Shown(text=resources.text("@string/decode", 61)),
        "notice": Shown(gone=True),
        "progress": Shown(progress=0.4),
        "scroll": Shown(end=True),
        "transcript": Shown(rows=turns),
        "send": Shown(text=resources.text("@string/stop")),
    }


def _full(resources: Resources) -> Fill:
    stopped = {
        "end": Shown(gone=False, text=resources.text("@string/ended_stopped")),
        "actions": Shown(gone=False),
    }
    stopped["figures"] = Shown(gone=True)
    turns = [
        _turn(
            "Tell me of the sea.",
            [_text("It covers seven tenths of the Earth.")],
            left_out=Shown(gone=False),
            **_done("33.8 tokens/s"),
        ),
        _turn("And of its salt?", [_text("Rivers bring it. In a litre there are 35 g,")], **stopped),
        _turn("Why are there tides?", TIDES, **_done("21.7 tokens/s")),
    ]
    hot = resources.text("@string/heat", resources.text("@string/thermal_severe"))
    return {
        "status": _opened(resources),
        "notice": Shown(text=hot),
        "progress": Shown(style="visibility:hidden"),
        "transcript": Shown(rows=turns),
        "to_end": Shown(gone=False),
    }


def _figures(resources: Resources) -> tuple[str, str]:
    lines = [
        resources.text(
            "@string/figures",
            "0.31 s",
            "0.42 s",
            "143.0 tokens/s",
            60,
            "34.1 tokens/s",
            118,
            "212 MB",
            "702 MB",
            4,
        ),
        resources.text("@string/experts", 27, 30, 32, 4, 17, "9 %"),
        resources.text("@string/thermal", resources.text("@string/thermal_light")),
    ]
    return resources.text("@string/figures_title"), "\n".join(lines)


def _model(name: str) -> tuple[str, Fill]:
    return "model", {"name": Shown(text=name)}


def _entry(
    resources: Resources, name: str, base: str, licence: str, *, gated: bool = False
) -> tuple[str, Fill]:
    facts = licence + (f", {resources.text('@string/catalogue_gated')}" if gated else "")
    made = resources.text("@string/catalogue_made", base)
    return "catalogue_entry", {
        "entry": Shown(text=html.escape(name)),
        "about": Shown(text=html.escape(f"{facts}\n{made}")),
        "get": Shown(gone=True),
    }


def _models(resources: Resources) -> Fill:
    coming = {
        "download_name": Shown(text="OLMoE"),
        "came": Shown(progress=0.38),
        "state": Shown(text=resources.text("@string/copied", "1,512 MB", "3,973 MB")),
        "toggle": Shown(text=resources.text("@string/pause")),
    }
    return {
        "status": _opened(resources),
        "progress": Shown(style="visibility:hidden"),
        "notice": Shown(gone=True),
        "artifacts": Shown(rows=[_model("MobileMoE-S"), _model("demo")]),
        "threads": Shown(text=resources.text("@string/threads_auto")),
        "downloads": Shown(rows=[("download", coming)]),
        "refusal": Shown(gone=True),
        "catalogue": Shown(
            rows=[
                _entry(
                    resources,
                    "MobileMoE-S",
                    "facebook/MobileMoE-S-QAT",
                    "FAIR Noncommercial Research License",
                    gated=True,
                ),
                _entry(resources, "OLMoE 1B-7B Instruct", "allenai/OLMoE-1B-7B-0924-Instruct", "Apache-2.0"),
            ]
        ),
    }


def _settings(resources: Resources) -> Fill:
    del resources
    return {
        "system": Shown(text="Be brief, and say when you are not sure."),
        "temperature": Shown(text="0.7"),
        "top_k": Shown(text="40"),
    }


def _curve(resources: Resources) -> str:
    """What CurveView draws: the speed of ten minutes, falling from the fourth on."""
    rates = [34.0 if minute < 4 else 34.0 - 2.1 * (minute - 3) ** 0.8 for minute in range(11)]
    points = " ".join(
        f"{index * 35.8:.0f},{(1 - rate / max(rates)) * 120 + 2:.0f}" for index, rate in enumerate(rates)
    )
    line = f'fill="none" stroke="{resources.colour("@color/accent")}" stroke-width="2"'
    return f'<svg width="358" height="120"><polyline points="{points}" {line}/></svg>'


def _benchmark(resources: Resources) -> Fill:
    text, templated = resources.text("@string/kind_text"), resources.text("@string/kind_templated")
    rows = [
        resources.text("@string/table_header"),
        f"   256    1.79 s     143.0      34.1  {text}",
        f"  1024    7.31 s     140.1      32.0  {text}",
        f"  4096   34.40 s     119.1      26.7  {text}",
        f"  8064   87.12 s      92.6      21.9  {text}",
        f"   256    1.71 s     149.7      35.9  {templated}",
        f"  1024    7.02 s     145.9      33.6  {templated}",
    ]
    before = f"{resources.text('@string/thermal_none')}, 80 %"
    after = f"{resources.text('@string/thermal_severe')}, 71 %"
    facts = [
        resources.text("@string/loads", "0.92 s", "0.31 s"),
        resources.text("@string/peak", "212 MB", "702 MB", 4),
        resources.text("@string/conditions", before, after),
    ]
    return {
        "status": Shown(text=resources.text("@string/sustaining", 600, 600)),
        "run": Shown(enabled=False),
        "run_sustained": Shown(enabled=False),
        "progress": Shown(progress=1),
        "notice": Shown(gone=True),
        "rows": Shown(text="\n".join(rows)),
        "facts": Shown(text=html.escape("\n".join(facts))),
        "curve": Shown(gone=False, text=_curve(resources)),
        "curve_text": Shown(text=resources.text("@string/curve", "34.0 tokens/s", "23.0 tokens/s", 600)),
        "exported": Shown(gone=True),
    }


SCENES = [
    Scene("chat", "@string/app_name", "activity_main", _chat, menu="main"),
    Scene("full-context", "@string/app_name", "activity_main", _full, menu="main"),
    Scene("figures", "@string/app_name", "activity_main", _chat, menu="main", dialog=_figures),
    Scene("models", "@string/models", "activity_models", _models),
    Scene("settings", "@string/settings", "activity_settings", _settings),
    Scene("benchmark", "@string/benchmark", "activity_benchmark", _benchmark),
]
