"""Silences what is underneath: ExecuTorch's runtime, lm-evaluation-harness."""

import logging
import os


def silence_runtime() -> None:
    """Keeps ExecuTorch from writing to stderr what `RuntimeFailure` says in words; fatal messages remain."""
    from mmoe.runtime_bindings.python.library import LogLevel, set_log_level

    set_log_level(LogLevel.FATAL)


def silence_harness(*, verbose: bool) -> None:
    """Keeps lm-evaluation-harness and its data sets from drawing bars beside ours; to be called before their import.

    Args:
        verbose: Whether the harness may tell what it does, on stderr.
    """
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    logging.getLogger("lm_eval").setLevel(logging.INFO if verbose else logging.ERROR)
    if verbose:
        logging.getLogger("lm_eval").addHandler(logging.StreamHandler())
