"""The backends by name: every folder here that has a `declaration.py`.

Importing this module imports no framework, so that a command line may list the backends and check their options.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import TYPE_CHECKING

import mmoe.backends
from mmoe.backends.declaration import BackendOptionError, Declaration, suggestion

if TYPE_CHECKING:
    from mmoe.backends.base import Backend

DEFAULT_BACKEND = "xnnpack"


def declarations() -> Mapping[str, Declaration]:
    """All backends by name; the default one comes first."""
    found = {}
    for entry in pkgutil.iter_modules(mmoe.backends.__path__):
        if entry.ispkg:
            backend = importlib.import_module(f"mmoe.backends.{entry.name}.declaration").BACKEND
            found[backend.name] = backend
    return dict(sorted(found.items(), key=lambda item: (item[0] != DEFAULT_BACKEND, item[0])))


def declaration(name: str) -> Declaration:
    """The backend of that name.

    Raises:
        BackendOptionError: There is none.
    """
    known = declarations()
    if name not in known:
        raise BackendOptionError(
            "backend", f"{name!r} is not one of {', '.join(known)}{suggestion(name, list(known))}"
        )
    return known[name]


def load_backend(name: str, options: Mapping[str, object] | None = None) -> Backend:
    """Imports and returns a backend; the import waits until here because each one brings its delegate's exporter.

    Args:
        name: Of the backend.
        options: Its options by name; those that are not named have their defaults.

    Raises:
        BackendOptionError: There is no such backend, or an option is not its own or has an unknown value.
        BackendError: It cannot be used as it is installed.
    """
    declared = declaration(name)
    settled = declared.read_options(options or {})
    module, _, kind = declared.implementation.partition(":")
    backend: Backend = getattr(importlib.import_module(module), kind)(settled)
    return backend
