"""The package `mlx`, which only replaying needs."""

import importlib
from functools import cache
from typing import Any

from mmoe.backends.errors import BackendError


@cache
def mlx_core() -> Any:
    """Imports `mlx.core`.

    Raises:
        BackendError: It is not installed, or does not load on this machine.
    """
    try:
        return importlib.import_module("mlx.core")
    except ImportError as error:
        raise BackendError(
            f"running an MLX program here needs the package mlx ({error}): pip install 'mmoe-export[mlx]'"
        ) from error
