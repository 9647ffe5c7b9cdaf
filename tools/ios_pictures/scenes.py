"""The screens at a moment. Figures are examples, not measurements."""

from __future__ import annotations

import random
from collections.abc import Callable

from .parts import (
    answer,
    button,
    curve,
    experts,
    field,
    figure,
    note,
    progress,
    question,
    row,
    section,
    slider,
    stepper,
    toggle,
)
from .texts import Texts

Scene = Callable[[Texts], str]

_SKY = (
    "<h3>Why the sky is blue</h3>",
    "<p>Air scatters <b>short waves</b> more than long ones:</p>",
    '<p class="item">&bull;&ensp;blue light goes astray on its way</p>',
    '<p class="item">&bull;&ensp;red light comes straight</p>',
    "<pre>scattering ~ 1 / wavelength^4</pre>",
)


def _tabs(texts: Texts, chosen: str) -> str:
    names = {"Chat": "&#10077;", "Models": "&#9635;", "Benchmark": "&#9684;"}
    tabs = "".join(
        f'<span class="{"tint" if name == chosen else "quiet"}">{symbol}<br>{texts(name)}</span>'
        for name, symbol in names.items()
    )
    return f'<nav class="tabs">{tabs}</nav>'


def _screen(title: str, body: str, *, actions: str = "", bottom: str = "") -> str:
    return (
        f'<div class="bar"><b>{title}</b><span class="tint">{actions}</span></div>'
        f'<main>{body}</main><div class="bottom">{bottom}</div>'
    )


def _composer(texts: Texts, symbol: str) -> str:
    return f'<div class="composer"><span class="quiet">{texts("Message")}</span><b class="tint">{symbol}</b></div>'


def _chat(texts: Texts, banners: str, turns: str, *, running: bool) -> str:
    bottom = _composer(texts, "&#9632;" if running else "&#11014;") + _tabs(texts, "Chat")
    body = f'{banners}<div class="transcript">{turns}</div>'
    return _screen("mobilemoe-s", body, actions="&#9998;&ensp;&#8943;", bottom=bottom)


def chat(texts: Texts) -> str:
    """An answer that is there and one that comes."""
    turns = question("Why is the sky blue?") + answer(_SKY)
    turns += question("And at sunset?") + answer(
        ["<p>Then light crosses <i>more</i> air, and what is left</p>"]
    )
    return _chat(texts, "", turns, running=True)


def full_context(texts: Texts) -> str:
    """The context is full, memory ran low, and the device is hot."""
    banners = note("&#9651;", texts("The device is hot and slows down."), "banner")
    banners += note(
        "&#9675;", texts("Memory ran low: the next answer reads the conversation again."), "banner"
    )
    turns = question("Tell me of the sea.") + answer(["<p>The sea covers most of the earth.</p>"], seen=False)
    turns += note(
        "&#9986;", texts("The model does not see what is above any more: the context is full."), "trimmed"
    )
    turns += question("Why is the sky blue?") + answer(_SKY)
    return _chat(texts, banners, turns, running=False)


def figures(texts: Texts) -> str:
    """What an answer cost."""
    drawn = random.Random(18)
    layers = [experts([drawn.randrange(4, 90) for _ in range(32)]) for _ in range(12)]
    speed = [
        figure(texts("first token"), "0.41 s"),
        figure(texts("prefill"), "623 tok/s"),
        figure(texts("decode"), "42.7 tok/s"),
        figure(texts("load"), "0.34 s"),
        figure(texts("threads"), "2"),
    ]
    memory = [
        figure(texts("peak memory"), "742 MB"),
        figure(texts("model's pages"), "596 MB"),
        figure(texts("heap and cache"), "118 MB"),
        figure(texts("heat"), "fair"),
    ]
    body = section(speed, header=texts("Speed")) + section(memory, header=texts("Memory"))
    body += section(layers, header=texts("Experts, a row for each layer"))
    return f'<div class="sheet">{_screen(texts("Figures"), body)}</div>'


def settings(texts: Texts) -> str:
    """The system prompt, how to sample, and what the system did."""
    sampling = [
        toggle(texts("As the model recommends"), on=False),
        slider(texts("Temperature"), 0.7, 2),
        slider(texts("Top p"), 0.95, 1),
        slider(texts("Min p"), 0.05, 1),
        slider(texts("Repetition penalty"), 1.1, 2),
        stepper(texts("Top %lld", 40)),
        stepper(texts("Seed %lld", 7)),
    ]
    body = section([field(texts("None"), "Answer briefly.")], header=texts("System prompt"))
    body += section(sampling, header=texts("Sampling"))
    body += section([stepper(texts("At most %lld tokens", 512))], header=texts("Answers"))
    body += section([stepper(texts("Chosen by the runtime"))], header=texts("CPU threads"))
    events = {"Warm": "9:38", "In front": "9:31", "In the background": "9:20"}
    body += section(
        [figure(texts(kind), time) for kind, time in events.items()], header=texts("What the system did")
    )
    return f'<div class="sheet">{_screen(texts("Settings"), body, actions=texts("Done"))}</div>'


def models(texts: Texts) -> str:
    """What is there, a catalogue, and what is on its way."""
    here = [
        row("mobilemoe-s <small>CPU</small>", f'{texts("%lld MB", 714)} <b class="tint">&#10003;</b>'),
        row("mobilemoe-s-gpu <small>GPU</small>", texts("%lld MB", 802)),
    ]
    listed = [
        field("", "https://models.example/models.json"),
        row(button(texts("Show"))),
        row(
            "mobilemoe-m",
            f"{texts('%lld MB', 1612)}&ensp;{button(texts('Get'))}",
            below="owner/checkpoint, mit",
        ),
    ]
    coming = [
        field(texts("Address or owner/name")),
        field(texts("Access token, if it needs one")),
        row(button(texts("Download"))),
        row(
            "mobilemoe-m",
            '<b class="tint">&#10074;&#10074;&ensp;&#10005;</b>',
            below=f"{progress(0.42)}677 of 1612 MB",
        ),
    ]
    body = section(here, header=texts("In this app"))
    footer = "A list of models that somebody keeps on a web server; this app has none of its own."
    body += section(listed, header=texts("Catalogue"), footer=texts(footer))
    where = "The address of an artifact folder on any web server, or its id on the Hugging Face hub."
    body += section(coming, header=texts("Download"), footer=texts(where))
    return _screen(texts("Models"), body, actions="+", bottom=_tabs(texts, "Models"))


def benchmark(texts: Texts) -> str:
    """A report with a sustained curve."""
    protocol = (
        "Prompts of 256, 1K, 4K and 8K tokens, real and templated, then 128 given tokens; three rounds."
    )
    body = section([toggle(texts("Then 10 minutes without rest"), on=True)], footer=texts(protocol))
    tests = [
        (256, "real text", "0.41 s &middot; 623 tok/s &middot; 42.7 tok/s"),
        (1024, "real text", "1.72 s &middot; 595 tok/s &middot; 40.1 tok/s"),
        (256, "templated", "0.40 s &middot; 640 tok/s &middot; 43.9 tok/s"),
    ]
    rows = [
        row(f"<b>{texts('%lld tokens', n)}</b>", below=f"{texts(kind)}<br>{speeds}")
        for n, kind, speeds in tests
    ]
    body += section(rows, header=texts("Medians"))
    device = {
        "cold load": "0.92 s",
        "warm load": "0.11 s",
        "peak memory": "742 MB",
        "heat before": "nominal",
        "heat after": "serious",
    }
    body += section([figure(texts(name), value) for name, value in device.items()], header=texts("Device"))
    points = [(10.0 * step, 43 - 14 / (1 + 2.7 ** (8 - step / 3))) for step in range(1, 61)]
    body += section([curve(points)], header=texts("Without rest"))
    actions = f"{texts('Run')}&ensp;&#8682;"
    return _screen(texts("Benchmark"), body, actions=actions, bottom=_tabs(texts, "Benchmark"))


SCENES: dict[str, Scene] = {
    "chat": chat,
    "full-context": full_context,
    "figures": figures,
    "settings": settings,
    "models": models,
    "benchmark": benchmark,
}
