"""Finds and loads the native operator library, once per process."""

import ctypes
import importlib
import threading
from enum import StrEnum
from pathlib import Path

from mmoe.runtime_bindings.python.errors import RuntimeFailure

_LIBRARY_NAME = "libmmoe_ops.so"
_CORE_LIBRARY_NAME = "libmmoe.so"
_TOKENIZER_LIBRARY_NAME = "libmmoe_tokenizer_c.so"
_TEMPLATE_LIBRARY_NAME = "libmmoe_template_c.so"
_GRAMMAR_LIBRARY_NAME = "libmmoe_grammar_c.so"
_HOW_TO_BUILD = (
    "install the package with `pip install .`, or build it in place with `cmake -S runtime_bindings/cpp -B build/native"
    " -G Ninja && cmake --build build/native && cmake --install build/native --prefix runtime_bindings`"
)


class LogLevel(StrEnum):
    """Severity of a message of ExecuTorch's runtime, by the letter it has there."""

    DEBUG = "D"
    INFO = "I"
    ERROR = "E"
    FATAL = "F"


_lock = threading.Lock()
_loaded: ctypes.CDLL | None = None


def library_path() -> Path:
    """Path of the shared library that registers `mmoe::embedding`, `mmoe::moe_ffn` and `mmoe::attention`.

    Raises:
        RuntimeFailure: the native part has not been built.
    """
    return _existing(_LIBRARY_NAME)


def core_library_path() -> Path:
    """Path of the runtime, whose C ABI is `core/mmoe.h`.

    Raises:
        RuntimeFailure: the native part has not been built.
    """
    return _existing(_CORE_LIBRARY_NAME)


def tokenizer_library_path() -> Path:
    """Path of the runtime's tokenizer by itself, whose C ABI is `capi/tokenizer_c.h`.

    Raises:
        RuntimeFailure: the native part has not been built.
    """
    return _existing(_TOKENIZER_LIBRARY_NAME)


def template_library_path() -> Path:
    """Path of the runtime's chat templates by themselves, whose C ABI is `capi/template_c.h`.

    Raises:
        RuntimeFailure: the native part has not been built.
    """
    return _existing(_TEMPLATE_LIBRARY_NAME)


def grammar_library_path() -> Path:
    """Path of the runtime's grammars by themselves, whose C ABI is `capi/grammar_c.h`.

    Raises:
        RuntimeFailure: the native part has not been built.
    """
    return _existing(_GRAMMAR_LIBRARY_NAME)


def program_path(name: str) -> Path:
    """Path of a native program, "mmoe-run" or "mmoe-bench".

    Raises:
        RuntimeFailure: the native part has not been built.
    """
    return _existing(name, folder="bin")


def _existing(name: str, *, folder: str = "lib") -> Path:
    path = Path(__file__).resolve().parent.parent / folder / name
    if not path.is_file():
        raise RuntimeFailure(f"the native part {path} does not exist: {_HOW_TO_BUILD}")
    return path


def load_operator_library() -> None:
    """Registers the operators with ExecuTorch's runtime in this process; further calls do nothing.

    Raises:
        RuntimeFailure: the library is missing or cannot be loaded.
    """
    global _loaded
    with _lock:
        if _loaded is not None:
            return
        path = library_path()
        # The portable runtime first: it brings the one operator registry that the library registers with, and
        # registering an operator twice would abort the process.
        importlib.import_module("executorch.extension.pybindings.portable_lib")
        try:
            _loaded = ctypes.CDLL(str(path))
        except OSError as error:
            raise RuntimeFailure(
                f"the operator library {path} cannot be loaded ({error}): {_HOW_TO_BUILD}"
            ) from error


def set_log_level(level: LogLevel) -> None:
    """Keeps ExecuTorch's runtime from writing messages below a level to stderr, for the whole process.

    Raises:
        RuntimeFailure: the library is missing or cannot be loaded.
    """
    load_operator_library()
    assert _loaded is not None
    _loaded.mmoe_set_log_level(ctypes.c_char(level.encode()))
