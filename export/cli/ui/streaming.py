"""Streams generated text to stdout and tells its speed on stderr."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from mmoe.export.cli.ui.terminal import Terminal

if TYPE_CHECKING:
    from mmoe.runtime_bindings.python.stream import Stream

_REASONS = {
    "stop_token": "the text ended",
    "stop_string": "came to a stop string",
    "length": "stopped at --max-new-tokens",
    "context_full": "the context is full",
    "cancelled": "cancelled",
}


def tell(stream: "Stream", terminal: Terminal) -> None:
    """Writes a stream as it comes, then its statistics."""
    for piece in stream:
        terminal.write(piece)
    terminal.write("\n")
    terminal.say(statistics(stream))


def generation_record(stream: "Stream") -> dict[str, object]:
    """A finished generation for `--json`; times in seconds."""
    stats = stream.stats
    rates = {
        "prefill_tokens_per_second": stats.prefill_tokens_per_second,
        "decode_tokens_per_second": stats.decode_tokens_per_second,
    }
    return {
        "text": stream.text,
        "prompt_ids": stream.prompt_ids,
        "ids": stream.ids,
        "finish_reason": stream.finish_reason,
        "stats": asdict(stats) | rates,
    }


def statistics(stream: "Stream") -> str:
    """One line about a stream: tokens, times, and why it ended."""
    stats = stream.stats
    reason = _REASONS[stream.finish_reason] if stream.finish_reason else "interrupted"
    return (
        f"[prompt {stats.prefill_tokens} tokens at {stats.prefill_tokens_per_second:.1f} tokens/s, first token "
        f"after {stats.ttft_seconds:.3f} s; generated {len(stream.ids)} tokens at "
        f"{stats.decode_tokens_per_second:.1f} tokens/s; {reason}]"
    )
