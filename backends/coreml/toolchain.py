"""coremltools and ExecuTorch's Core ML exporter, imported where they are needed: an extra of the package."""

import contextlib
import importlib
import io
import logging
import warnings
from collections.abc import Iterator
from types import ModuleType

from mmoe.backends.errors import BackendError

_EXPORTER = "executorch.backends.apple.coreml"


def import_module(name: str) -> ModuleType:
    """Imports a module of coremltools.

    Raises:
        BackendError: coremltools is not installed; the message says what to install.
    """
    # It warns of the torch version, of scikit-learn's, and of each macOS library that Linux lacks.
    logging.getLogger("coremltools").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise BackendError(
            f"the coreml backend needs coremltools, of which {error.name} is missing: pip install 'mmoe-export[coreml]'"
        ) from error


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Keeps coremltools' progress bars and warnings from stderr; errors are raised as ever."""
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        yield


def import_exporter(name: str) -> ModuleType:
    """Imports a module of ExecuTorch's Core ML exporter, which brings coremltools.

    Raises:
        BackendError: As for `import_module`.
    """
    import_module("coremltools")
    return import_module(f"{_EXPORTER}.{name}")
