"""Gets llama.cpp and the `gguf` package from PyPI and builds them; nothing of theirs is in this repository."""

import importlib.util
import subprocess
import sys
import tarfile
from pathlib import Path

# The sdist carries the whole of llama.cpp.
LLAMA_CPP_PYTHON = "llama-cpp-python==0.3.36"
GGUF = ("gguf==0.19.0", "tqdm", "pyyaml", "requests")
_HERE = Path(__file__).parent


BENCH, ANSWERS = "llama-bench", "llama-answers"
"""Programs: llama.cpp's own benchmark, and `answers.cpp` over its library."""


def build(work: Path, program: str, *, jobs: int) -> Path:
    """Builds a program for this very CPU, once per work folder: about 15 minutes of one core for the first one.

    Args:
        work: Where the sources and the build go.
        program: `BENCH` or `ANSWERS`.
        jobs: Compilers at a time.

    Returns:
        The program.
    """
    built = work / "build" / "bin" / program
    if built.is_file() and (program != ANSWERS or _is_newer(built, _HERE / "answers.cpp")):
        return built
    options = {
        "LLAMA_CPP_SOURCE": _sources(work).resolve(),
        "CMAKE_BUILD_TYPE": "Release",
        "GGML_NATIVE": "ON",
        "BUILD_SHARED_LIBS": "OFF",
        "LLAMA_BUILD_COMMON": "ON",
        "LLAMA_BUILD_TOOLS": "ON",
        "LLAMA_BUILD_TESTS": "OFF",
        "LLAMA_BUILD_EXAMPLES": "OFF",
        "LLAMA_BUILD_SERVER": "OFF",
        "LLAMA_OPENSSL": "OFF",
    }
    _run("cmake", "-S", _HERE, "-B", work / "build", *(f"-D{key}={value}" for key, value in options.items()))
    _run("cmake", "--build", work / "build", "--target", program, "--parallel", jobs)
    return built


def _sources(work: Path) -> Path:
    unpacked = work / "source"
    if not unpacked.is_dir():
        _run(sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:",
             "--no-build-isolation", "--dest", work, LLAMA_CPP_PYTHON)  # fmt: skip
        with tarfile.open(next(work.glob("llama_cpp_python-*.tar.gz"))) as archive:
            archive.extractall(unpacked, filter="data")
    return next(unpacked.glob("llama_cpp_python-*")) / "vendor" / "llama.cpp"


def _is_newer(one: Path, other: Path) -> bool:
    return one.stat().st_mtime > other.stat().st_mtime


def import_gguf(work: Path) -> None:
    """Makes `import gguf` work, installed into the work folder if this Python does not have it."""
    if importlib.util.find_spec("gguf") is not None:
        return
    target = work / "python"
    if not target.is_dir():
        _run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", target, *GGUF)
    sys.path.append(str(target))


def _run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, stdout=sys.stderr)
