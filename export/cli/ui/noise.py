"""Silences what the libraries underneath say about themselves; what a user did wrong arrives as an error instead.

Each entry names one known message or one logger, so that news from these libraries still shows.
"""

import logging
import warnings

# (logger, what it would say)
_LOGGERS = (
    "torchao",  # GPU extensions that a CPU build cannot load
    "torch.utils._pytree",  # torchao registers an enum in a deprecated way
)
# (beginning of the message, as a regular expression; category)
_WARNINGS = (
    (r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning),  # copying of exported programs
    (r"Mutation on a buffer in the model is detected", UserWarning),  # the KV cache, which starts undefined
)


def silence_libraries() -> None:
    """Sets log levels and warning filters; to be called before torch is imported."""
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    for message, category in _WARNINGS:
        warnings.filterwarnings("ignore", message=message, category=category)


def silence_runtime() -> None:
    """Keeps ExecuTorch from writing to stderr what `RuntimeFailure` says in words; fatal messages remain."""
    from mmoe.runtime_bindings.python.library import LogLevel, set_log_level

    set_log_level(LogLevel.FATAL)
