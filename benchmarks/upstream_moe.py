"""Our routed experts and `llama::quantized_moe_ffn` of the executorch wheel, in turns, at the shapes of MobileMoE-S.

python -m benchmarks.upstream_moe --rounds 5 --threads 2

The wheel's operator has one implementation on x86-64: it unpacks and dequantises the chosen experts in every call and
multiplies in float32 on one thread. Its packing operator is not in the wheel, so its weights are bytes that are valid
as nibbles and as scales; its time does not depend on them. Our time contains the start of the threads, if several.
"""

import argparse
import ctypes
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from executorch.extension.llm.custom_ops import custom_ops  # noqa: F401  (registers the operator)

from mmoe.runtime_bindings.python.library import library_path

HIDDEN_SIZE, WIDTH, EXPERTS, TOP_K, GROUP_SIZE = 768, 384, 60, 4, 32
TOKENS = (1, 128, 512)
# Layers that take turns: 120 MB of our weights, more than caches hold.
LAYERS = 4

Run = Callable[[torch.Tensor, int], torch.Tensor]


def packed_bytes(outputs: int, inputs: int) -> int:
    """Bytes of one matrix as torchao packs it: a header, then nibbles, scale and sum per output and group."""
    return 64 + outputs * (inputs // GROUP_SIZE) * (GROUP_SIZE // 2 + 8)


def random_router() -> torch.Tensor:
    """Logits of about 1, since larger ones saturate the sigmoid, and ties go to the first experts."""
    return torch.randn(EXPERTS, HIDDEN_SIZE).div(HIDDEN_SIZE**0.5)


def upstream() -> Run:
    """The wheel's operator as a function of tokens `[T, H]` and a layer's index."""
    gate_up = torch.full((EXPERTS, packed_bytes(2 * WIDTH, HIDDEN_SIZE)), 0x3C, dtype=torch.uint8)
    down = torch.full((EXPERTS, packed_bytes(HIDDEN_SIZE, WIDTH)), 0x3C, dtype=torch.uint8)
    router, bias = random_router(), torch.zeros(EXPERTS)

    def run(x: torch.Tensor, _layer: int) -> torch.Tensor:
        shape = (TOP_K, EXPERTS, WIDTH, HIDDEN_SIZE, GROUP_SIZE, 4)
        out: torch.Tensor = torch.ops.llama.quantized_moe_ffn(
            x, router, bias, gate_up, down, *shape, "sigmoid", 1.0
        )
        return out

    return run


def ours(threads: int) -> Run:
    """Our kernels of the best instruction set, as the same function."""
    library = ctypes.CDLL(str(library_path().with_name("libmmoe_kernels_c.so")))
    library.mmoe_moe_ffn.restype = ctypes.c_char_p
    isas = ("avx512_vnni", "avx_vnni", "avx2", "sme2", "neon_i8mm", "neon_dotprod", "neon", "portable")
    library.mmoe_check_isa.restype = ctypes.c_char_p
    isa = next(name for name in isas if library.mmoe_check_isa(name.encode()) is None)
    layers = [
        (
            random_router(),
            torch.zeros(EXPERTS),
            torch.randint(256, (EXPERTS, HIDDEN_SIZE * WIDTH), dtype=torch.uint8),
            torch.full((EXPERTS, 2 * WIDTH // 32 * HIDDEN_SIZE), 0.01, dtype=torch.float16),
            torch.randint(256, (EXPERTS, HIDDEN_SIZE * WIDTH // 2), dtype=torch.uint8),
            torch.full((EXPERTS, HIDDEN_SIZE // 32 * WIDTH), 0.01, dtype=torch.float16),
        )
        for _ in range(LAYERS)
    ]

    def run(x: torch.Tensor, layer: int) -> torch.Tensor:
        out = torch.empty_like(x)
        numbers = [ctypes.c_int64(n) for n in (threads, len(x), HIDDEN_SIZE, EXPERTS, WIDTH, TOP_K, 1)]
        arrays = [ctypes.c_void_p(tensor.data_ptr()) for tensor in (x, *layers[layer], out)]
        error = library.mmoe_moe_ffn(isa.encode(), *numbers, ctypes.c_float(1.0), *arrays)
        if error is not None:
            raise RuntimeError(error.decode())
        return out

    return run


def seconds_per_call(run: Run, inputs: Sequence[torch.Tensor]) -> float:
    """Mean wall-clock seconds of calls that each meet other tokens and another layer."""
    start = time.perf_counter()
    for call, x in enumerate(inputs):
        run(x, call % LAYERS)
    return (time.perf_counter() - start) / len(inputs)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--threads", type=int, default=2, help="of ours; the other operator has one (default: 2)"
    )
    options = parser.parse_args()
    torch.manual_seed(1)
    runs = {"upstream": upstream(), "1 thread": ours(1), f"{options.threads} threads": ours(options.threads)}
    load = Path("/proc/loadavg").read_text().split()[0] if Path("/proc/loadavg").exists() else "unknown"
    print(f"load {load}; milliseconds per call, median of {options.rounds} rounds\n")
    print(
        "| tokens | " + " | ".join(runs) + " | upstream / ours |\n|---:" * 1 + "|---:" * (len(runs) + 1) + "|"
    )
    for tokens in TOKENS:
        for run in runs.values():
            run(torch.randn(tokens, HIDDEN_SIZE), 0)
        samples: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(options.rounds):
            for name, run in runs.items():
                calls = max(1, (1 if name == "upstream" else 64) // tokens)
                inputs = [torch.randn(tokens, HIDDEN_SIZE) for _ in range(calls)]
                samples[name].append(seconds_per_call(run, inputs))
        medians = [statistics.median(times) for times in samples.values()]
        ratios = [f"{medians[0] / median:.0f}x" for median in medians[1:]]
        print(
            f"| {tokens} | " + " | ".join(f"{1e3 * m:.3f}" for m in medians) + f" | {', '.join(ratios)} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
