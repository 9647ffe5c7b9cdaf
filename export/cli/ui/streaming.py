"""Streams generated text to stdout and tells its speed on stderr."""

from typing import TYPE_CHECKING

from mmoe.export.cli.ui.terminal import Terminal

if TYPE_CHECKING:
    from mmoe.export.files.records import Json
    from mmoe.export.generate.text_generation import TextStream
    from mmoe.runtime_bindings.python.generation import GenerationStats

_REASONS = {
    "stop_token": "the text ended",
    "max_new_tokens": "stopped at --max-new-tokens",
    "context_full": "the context is full",
}


def tell(stream: "TextStream", terminal: Terminal) -> str:
    """Writes a stream as it comes, then its statistics, and returns the whole text."""
    pieces = []
    for piece in stream:
        terminal.write(piece)
        pieces.append(piece)
    terminal.write("\n")
    terminal.say(_statistics(stream.stats))
    return "".join(pieces)


def generation_record(stream: "TextStream", prompt_ids: list[int], text: str) -> "dict[str, Json]":
    """A finished generation for `--json`; times in seconds."""
    from mmoe.export.files.records import to_json

    stats = to_json(stream.stats)
    assert isinstance(stats, dict)
    stats["prefill_tokens_per_second"] = stream.stats.prefill_tokens_per_second
    stats["decode_tokens_per_second"] = stream.stats.decode_tokens_per_second
    return {"text": text, "prompt_ids": [*prompt_ids], "ids": [*stream.ids], "stats": stats}


def _statistics(stats: "GenerationStats") -> str:
    reason = _REASONS[stats.stop_reason] if stats.stop_reason else "interrupted"
    return (
        f"[prompt {stats.prompt_tokens} tokens, first token after {stats.ttft_seconds:.3f} s "
        f"({stats.prefill_tokens_per_second:.1f} tokens/s); generated {stats.new_tokens} tokens at "
        f"{stats.decode_tokens_per_second:.1f} tokens/s; {reason}]"
    )
