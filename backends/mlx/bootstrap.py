"""Makes `executorch.backends.mlx` importable where its wheel comes without the generated serialisation code.

ExecuTorch's Linux wheel ships the MLX delegate's exporter, its FlatBuffer schema, the generator and `flatc`, but not
the three files that the generator writes; importing the package raises. Here they are generated once per ExecuTorch
version into the user's cache folder, and the package is loaded with that folder in front of its own. Nothing is written
to site-packages, and on wheels that have the files nothing is done at all.
"""

import contextlib
import importlib
import importlib.metadata
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from mmoe.backends.errors import BackendError

_PACKAGE = "executorch.backends.mlx"
_GENERATED = ("mlx_graph_schema.py", "_generated_serializers.py", "_generated/mlx_delegate/MLXGraph.py")
_CACHE_VARIABLE = "MMOE_EXPORT_CACHE"


def cache_folder() -> Path:
    """Where generated files are kept: ``$MMOE_EXPORT_CACHE``, or a folder in the platform's place for caches."""
    chosen = os.environ.get(_CACHE_VARIABLE)
    if chosen:
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "mmoe-export"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mmoe-export"


def import_delegate() -> ModuleType:
    """Imports `executorch.backends.mlx`, generating what its wheel lacks.

    Raises:
        BackendError: The files cannot be generated or kept; the message says why.
    """
    if _PACKAGE in sys.modules:
        return sys.modules[_PACKAGE]
    parent = importlib.import_module("executorch.backends")
    wheel = next((Path(path) / "mlx" for path in parent.__path__ if (Path(path) / "mlx").is_dir()), None)
    if wheel is None:
        raise BackendError("this ExecuTorch has no MLX delegate; install executorch==1.5.1")
    if _is_complete(wheel):
        return importlib.import_module(_PACKAGE)
    version = importlib.metadata.version("executorch")
    return _load_package(wheel, generate(wheel, cache_folder() / f"executorch-{version}" / "mlx"))


def generate(wheel: Path, target: Path) -> Path:
    """Fills `target` with the package's serialisation code, generated files included.

    Any number of processes may do so at once: each works in a folder of its own, and the first one to finish is kept.

    Args:
        wheel: The folder of `executorch.backends.mlx`.
        target: Where the files go; left alone if it is complete.

    Raises:
        BackendError: The generator failed, or the folder cannot be written.
    """
    if _is_complete(target):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".generating-") as scratch:
            work = Path(scratch) / "mlx"
            _generate_into(work, wheel)
            # A folder left incomplete by hand would block the rename.
            if target.exists() and not _is_complete(target):
                shutil.rmtree(target, ignore_errors=True)
            try:
                work.rename(target)
            except OSError:
                if not _is_complete(target):
                    raise
    except OSError as error:
        raise BackendError(
            f"{target}: cannot keep the MLX delegate's generated files: {error}; "
            f"point {_CACHE_VARIABLE} at a folder that can be written"
        ) from error
    return target


def _is_complete(package: Path) -> bool:
    files = (package / "_generated_inspector.py", *(package / "serialization" / name for name in _GENERATED))
    return all(file.is_file() for file in files)


def _generate_into(work: Path, wheel: Path) -> None:
    folder = work / "serialization"
    shutil.copytree(wheel / "serialization", folder, ignore=shutil.ignore_patterns("__pycache__"))
    flatc = wheel.parents[1] / "data" / "bin" / ("flatc.exe" if sys.platform == "win32" else "flatc")
    run = subprocess.run(
        [flatc, "--python", "-o", folder / "_generated", folder / "schema.fbs"],
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        raise BackendError(f"{flatc} failed on the MLX delegate's schema: {run.stderr.strip()}")
    # The generator places its results relative to its own file, hence in the copied folder. Its main program would
    # also want templates of C++ files, which no wheel contains.
    generator = _load_file("_mmoe_mlx_generator", folder / "generate.py")
    with contextlib.redirect_stdout(io.StringIO()):
        generator._fixup_flatc_imports()
        schema = generator.parse_fbs(folder / "schema.fbs")
    (folder / "mlx_graph_schema.py").write_text(generator.generate_python_schema(schema), encoding="utf-8")
    (folder / "_generated_serializers.py").write_text(
        generator.generate_python_serializers(schema), encoding="utf-8"
    )
    (work / "_generated_inspector.py").write_text(generator.generate_inspector(schema), encoding="utf-8")


def _load_file(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]
    return module


def _load_package(wheel: Path, generated: Path) -> ModuleType:
    """Imports the package with `generated` searched first, so that its `serialization` wins over the wheel's."""
    spec = importlib.util.spec_from_file_location(
        _PACKAGE, wheel / "__init__.py", submodule_search_locations=[str(generated), str(wheel)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[_PACKAGE] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[_PACKAGE]
        raise
    importlib.import_module("executorch.backends").mlx = module  # type: ignore[attr-defined]
    return module
