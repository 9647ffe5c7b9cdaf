"""Counts for Prometheus, in its text format."""

from __future__ import annotations

import threading
from collections import Counter

from mmoe.runtime_bindings.python.records import memory

_HELP = {
    "mmoe_requests_total": "Requests by path and status.",
    "mmoe_prompt_tokens_total": "Tokens of prompts.",
    "mmoe_cached_tokens_total": "Tokens of prompts that a session held already.",
    "mmoe_completion_tokens_total": "Tokens generated.",
    "mmoe_texts_cancelled_total": "Texts whose client went away.",
}


class Metrics:
    """What the server has done since it began; from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()

    def count_request(self, path: str, status: int) -> None:
        """A response has begun."""
        self._add("mmoe_requests_total", f'{{path="{path}",status="{status}"}}', 1)

    def count_tokens(self, prompt: int, cached: int, completion: int) -> None:
        """A text has ended."""
        self._add("mmoe_prompt_tokens_total", "", prompt)
        self._add("mmoe_cached_tokens_total", "", cached)
        self._add("mmoe_completion_tokens_total", "", completion)

    def count_cancelled(self, texts: int) -> None:
        """A client has gone away before so many texts had ended."""
        self._add("mmoe_texts_cancelled_total", "", texts)

    def _add(self, name: str, labels: str, number: int) -> None:
        with self._lock:
            self._counts[name, labels] += number

    def page(self, running: int, waiting: int) -> str:
        """The text of `/metrics`."""
        with self._lock:
            counts = dict(self._counts)
        lines = []
        for name, help in _HELP.items():
            lines += [f"# HELP {name} {help}", f"# TYPE {name} counter"]
            lines += [f"{name}{labels} {value}" for (each, labels), value in counts.items() if each == name]
        gauges = {
            "mmoe_texts_running": running,
            "mmoe_texts_waiting": waiting,
            "mmoe_anonymous_bytes": memory().anonymous_bytes,
            "mmoe_file_bytes": memory().file_bytes,
        }
        for name, value in gauges.items():
            lines += [f"# TYPE {name} gauge", f"{name} {value}"]
        return "\n".join(lines) + "\n"
