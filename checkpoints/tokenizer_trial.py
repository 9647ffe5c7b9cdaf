"""Tries a stranger's tokenizer.json where it can do no harm, before Hugging Face's library reads it in this process.

On a hostile file that library panics, which is no `Exception` and prints a page of Rust, ends the process, or computes
without end.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mmoe.checkpoints.errors import TokenizerError
from mmoe.checkpoints.trials import TRIAL_TEXTS
from mmoe.runtime_bindings.python.core import CoreFailure, Status
from mmoe.runtime_bindings.python.tokenizer import CoreTokenizer

_PROCESS = Path(__file__).with_name("tokenizer_trial_process.py")
# The process limits its own time on the CPU; this is for a machine on which it does not get to run.
_SECONDS = 300
_LONGEST_REASON = 500
# Digests of what has passed in this process.
_passed: set[bytes] = set()


def require_harmless(path: Path, described: str, texts: Sequence[str] = TRIAL_TEXTS) -> None:
    """Reads a tokenizer with the runtime's own reader, then with Hugging Face's library in a process of its own.

    Kinds of tokenizers that the runtime does not have pass if the library takes them.

    Args:
        path: What messages call the file.
        described: Its text.
        texts: What to encode with it.

    Raises:
        TokenizerError: It is damaged, or the library fails on it or on a text.
    """
    digest = hashlib.sha256("\0".join((described, *texts)).encode()).digest()
    if digest in _passed:
        return
    try:
        runtime = CoreTokenizer(described.encode())
        for text in texts:
            runtime.encode(text.encode(), add_bos=True)
    except CoreFailure as failure:
        if failure.status is not Status.UNSUPPORTED:
            raise _unreadable(path, str(failure)) from failure
    why = _why_not(described, texts)
    if why is not None:
        raise _unreadable(path, why)
    _passed.add(digest)


def _why_not(described: str, texts: Sequence[str]) -> str | None:
    """What the library says against it; None for nothing."""
    try:
        ended = subprocess.run(
            # -P: no module is taken from the folder that the command runs in, which may be the stranger's.
            [sys.executable, "-P", str(_PROCESS)],
            input=json.dumps([described, *texts]),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "RAYON_NUM_THREADS": "1"},
            text=True,
            encoding="utf-8",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "Hugging Face's library does not come to an end with it"
    if ended.returncode == 0:
        return None
    if ended.returncode > 0 and ended.stdout:
        return ended.stdout[:_LONGEST_REASON]
    return "Hugging Face's library ends its process, or does not come to an end with it"


def _unreadable(path: Path, why: str) -> TokenizerError:
    return TokenizerError(f"{path}: is not a readable tokenizer ({why}); download it again")
