"""Encodes and decodes with Hugging Face's tokenizers library, in a process that may end or hang: a script of its own.

Stdin has a JSON list of texts, the tokenizer.json first. Exits with 0 if the library reads it and takes the others;
stdout says why it refuses otherwise.
"""

import json
import resource
import sys

from tokenizers import Tokenizer

# Ample for the largest tokenizers: they take a second and some hundred megabytes.
_CPU_SECONDS = 8
_MEMORY_BYTES = 4 << 30


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _main() -> int:
    _limit(resource.RLIMIT_CPU, _CPU_SECONDS)
    _limit(resource.RLIMIT_AS, _MEMORY_BYTES)
    _limit(resource.RLIMIT_CORE, 0)
    described, *texts = json.load(sys.stdin)
    try:
        tokenizer = Tokenizer.from_str(described)
        for text in texts:
            ids = tokenizer.encode(text).ids
            tokenizer.decode(ids, skip_special_tokens=False)
    except BaseException as error:  # a panic of the library is no Exception
        sys.stdout.write(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())
