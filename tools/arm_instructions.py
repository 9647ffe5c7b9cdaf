"""Instructions per 1,000 multiply-adds of the Arm kernels, counted by qemu: `python -m tools.arm_instructions BUILD`.

BUILD is the folder of a cross-build (`make arm` leaves it in build/arm/native). Prints a table of docs/log/kernels.md.
With a second argument, a qemu that knows SME2 (`.ci/sme2`), it is the table of that instruction set.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

INPUTS = 768
PANEL_OUTPUTS = 32
HEAD_DIM = 64
PARTITION = 256  # keys, and as many values
# Functions that a product runs through; everything else of the program (start-up, C library) is left out.
KERNEL = re.compile(
    r"^(\w+) (\w+) t .*::"
    r"(PanelDot|LinearDot|GroupedDot|PairedDot|LinearQuads|LinearPairs|DotChunk|DotHalf|DotStep|Stream"
    r"|AttendInt8|ScoreInt8|SumValuesInt8|ScoreSixteen|SumSixteen|QuantizeWeights)"
)


@dataclass(frozen=True)
class Product:
    """One kernel of one instruction set."""

    kind: str  # of mmoe_run_panel_dot
    isa: str
    instruction: str  # the one that multiplies
    macs: int  # multiply-adds of one such instruction
    tokens: tuple[int, ...]  # of attention: query rows

    @property
    def inputs(self) -> int:
        return HEAD_DIM if self.kind == "attention" else INPUTS

    def multiply_adds(self, tokens: int) -> int:
        """Of one call."""
        columns = 2 * PARTITION if self.kind == "attention" else PANEL_OUTPUTS
        return tokens * self.inputs * columns


PRODUCTS = (
    Product("experts", "neon_i8mm", "usmmla", 32, (1, 2, 4, 8, 10)),
    Product("experts", "neon_dotprod", "sdot", 16, (1, 2, 4, 8)),
    Product("experts", "neon", "smlal", 8, (1, 4)),
    Product("linear", "neon_i8mm", "usmmla", 32, (1, 2, 4, 6)),
    Product("linear", "neon_dotprod", "sdot", 16, (1, 4)),
    Product("linear", "neon", "smlal", 8, (1, 4)),
    # 14 bits are two products of 7.
    Product("attention", "neon_i8mm", "smmla", 16, (3, 48)),
    Product("attention", "neon_dotprod", "sdot", 8, (3, 48)),
    Product("attention", "neon", "smlal", 4, (3, 48)),
)
# With 512 bits, as Apple's processors have: an outer product is 16 tokens x 16 outputs x 4 inputs.
SME2_PRODUCTS = (
    Product("experts", "sme2", "sumopa", 1024, (2, 4, 8, 16, 64)),
    Product("linear", "sme2", "smopa", 1024, (2, 4, 8, 16, 64)),
)
SME2_CPU = "max,sve=off,sme512=on"


def kernel_ranges(program: Path) -> str:
    """Addresses of the kernels' functions in the form of qemu's -dfilter."""
    symbols = subprocess.run(
        ["aarch64-linux-gnu-nm", "-SC", program], check=True, capture_output=True, text=True
    ).stdout
    matches = (KERNEL.match(line) for line in symbols.splitlines())
    return ",".join(f"0x{int(m[1], 16):x}+0x{int(m[2], 16):x}" for m in matches if m)


def count(emulator: tuple[str, ...], program: Path, ranges: str, product: Product, tokens: int) -> int:
    """Instructions that the kernel executes: with one per translation block, qemu logs a line for each."""
    one_per_block = {"QEMU_SINGLESTEP": "1", "QEMU_ONE_INSN_PER_TB": "1"}  # before and since qemu 8.1
    with tempfile.NamedTemporaryFile() as log:
        subprocess.run(
            [
                *emulator,
                *("-d", "nochain,exec", "-dfilter", ranges, "-D", log.name),
                *(program, product.kind, product.isa, str(tokens), str(product.inputs)),
            ],
            check=True,
            env={**os.environ, **one_per_block},
        )
        return sum(line.startswith(b"Trace") for line in log)


def main() -> None:
    program = Path(sys.argv[1]) / "tests" / "mmoe_run_panel_dot"
    ranges = kernel_ranges(program)
    emulator, products = ("qemu-aarch64-static", "-cpu", "max"), PRODUCTS
    if len(sys.argv) > 2:
        emulator, products = (sys.argv[2], "-cpu", SME2_CPU), SME2_PRODUCTS
    print("| kernel | instruction set | tokens | instructions | least | used |")
    print("|---|---|---:|---:|---:|---:|")
    for product in products:
        for tokens in product.tokens:
            executed = count(emulator, program, ranges, product, tokens)
            found = 1000 * executed / product.multiply_adds(tokens)
            least = 1000 / product.macs
            print(
                f"| {product.kind} | {product.isa} | {tokens} | {found:.{1 if found < 20 else 0}f} | "
                f"{least:.{2 if least < 10 else 1}f} {product.instruction} | {least / found:.0%} |"
            )


if __name__ == "__main__":
    main()
