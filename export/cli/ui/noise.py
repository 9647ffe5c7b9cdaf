"""Silences ExecuTorch's runtime."""


def silence_runtime() -> None:
    """Keeps ExecuTorch from writing to stderr what `RuntimeFailure` says in words; fatal messages remain."""
    from mmoe.runtime_bindings.python.library import LogLevel, set_log_level

    set_log_level(LogLevel.FATAL)
