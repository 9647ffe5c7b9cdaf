"""Gets llama.cpp's `llama-bench` and the `gguf` package from PyPI; nothing of theirs is in this repository."""

import subprocess
import sys
import tarfile
from pathlib import Path

# The sdist carries the whole of llama.cpp.
LLAMA_CPP_PYTHON = "llama-cpp-python==0.3.36"
GGUF = ("gguf==0.19.0", "tqdm", "pyyaml", "requests")


def build_llama_bench(work: Path, *, jobs: int) -> Path:
    """Builds `llama-bench` for this very CPU; about 15 minutes of one core, once per work folder.

    Args:
        work: Where the sources and the build go.
        jobs: Compilers at a time.

    Returns:
        The program.
    """
    program = work / "build" / "bin" / "llama-bench"
    if program.is_file():
        return program
    _run(sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:",
         "--no-build-isolation", "--dest", work, LLAMA_CPP_PYTHON)  # fmt: skip
    with tarfile.open(next(work.glob("llama_cpp_python-*.tar.gz"))) as archive:
        archive.extractall(work / "source", filter="data")
    source = next((work / "source").glob("llama_cpp_python-*")) / "vendor" / "llama.cpp"
    options = {
        "CMAKE_BUILD_TYPE": "Release",
        "GGML_NATIVE": "ON",
        "BUILD_SHARED_LIBS": "OFF",
        "LLAMA_BUILD_TESTS": "OFF",
        "LLAMA_BUILD_EXAMPLES": "OFF",
        "LLAMA_BUILD_SERVER": "OFF",
        "LLAMA_OPENSSL": "OFF",
    }
    _run("cmake", "-S", source, "-B", work / "build", *(f"-D{key}={value}" for key, value in options.items()))
    _run("cmake", "--build", work / "build", "--target", "llama-bench", "--parallel", jobs)
    return program


def import_gguf(work: Path) -> None:
    """Makes `import gguf` work, installed into the work folder if this Python does not have it."""
    target = work / "python"
    if not target.is_dir():
        _run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", target, *GGUF)
    sys.path.append(str(target))


def _run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, stdout=sys.stderr)
