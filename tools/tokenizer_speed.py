"""How fast the core's tokenizer is: `python -m tools.tokenizer_speed [TOKENIZER_JSON ...]`.

Prints MB of UTF-8 per second of CPU time for every family of the tests, whose vocabularies are trained on the spot, and
for the files that are given. The last columns are texts of one kind over and over: they show whether a long run takes
more than its share.
"""

from __future__ import annotations

import ctypes
import random
import sys
import time
from pathlib import Path

import numpy as np

from mmoe.export.verify.text import bundled_text
from mmoe.runtime_bindings.python.tokenizer import array, tokenizer_library
from tests.support.generated_text import generated
from tests.support.tokenizer_families import FAMILIES, train

BYTES = 1_000_000
REPEATS = 3


def texts(size: int = BYTES) -> dict[str, bytes]:
    """What is encoded, by its column: so many bytes, or what is left of them between two characters."""
    english = bundled_text().content
    code = "".join(Path(module).read_text(encoding="utf-8") for module in (__file__, ctypes.__file__))
    found = {
        "english": english,
        "code": code,
        "all scripts": "".join(generated(size * 3 // 100, seed=1)),
        "chinese": "\u4e2d\u6587\u5b57\u7b26\u7684\u901f\u5ea6\u3002",
        "marks": "e\u0301\u0327",
        "digits": "1234567890",
        "one word": "".join(random.Random(1).choices("etaoinshrdlu", k=size)),
        "letters": "a",
        "spaces": " ",
        "newlines": "\n",
        "letter, digit": "a1",
        "special": "<|eot|>",
    }
    return {name: _of_length(text, size) for name, text in found.items()}


def _of_length(text: str, size: int) -> bytes:
    unit = text.encode()
    return (unit * (size // len(unit) + 1))[:size].decode(errors="ignore").encode()


class TimedTokenizer:
    """A tokenizer.json in the core, without the Python lists that would cost more than the ids."""

    def __init__(self, json: bytes) -> None:
        message = ctypes.create_string_buffer(1000)
        handle = tokenizer_library().mmoe_tokenizer_new(
            json, ctypes.c_size_t(len(json)), message, ctypes.c_size_t(len(message))
        )
        if handle is None:
            sys.exit(message.value.decode())
        self._handle = ctypes.c_void_p(handle)

    def speed(self, text: bytes, repeats: int = REPEATS) -> float:
        """MB per second of the best of so many runs."""
        ids = np.empty(len(text) + 8, np.int32)
        best = float("inf")
        for _ in range(repeats):
            start = time.process_time()
            tokenizer_library().mmoe_tokenizer_encode(
                self._handle, text, ctypes.c_size_t(len(text)), 0, 1, *array(ids)
            )
            best = min(best, time.process_time() - start)
        return len(text) / best / 1e6


def main() -> None:
    """Measures and prints."""
    columns = texts()
    print(f"{'MB/s':24}", *(f"{name:>13}" for name in columns))
    slowest = (float("inf"), "")
    sources = {
        name: lambda family=family: train(family).to_str().encode() for name, family in FAMILIES.items()
    }
    sources |= {path: lambda path=path: Path(path).read_bytes() for path in sys.argv[1:]}
    for name, source in sources.items():
        tokenizer = TimedTokenizer(source())
        found = {column: tokenizer.speed(text) for column, text in columns.items()}
        print(f"{name[-24:]:24}", *(f"{value:13.1f}" for value in found.values()), flush=True)
        worst = min(found, key=lambda column: found[column])
        slowest = min(slowest, (found[worst], f"{name}, {worst}"))
    print(f"slowest: {slowest[0]:.1f} MB/s ({slowest[1]})")


if __name__ == "__main__":
    main()
