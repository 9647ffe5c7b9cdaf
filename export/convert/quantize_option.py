"""What `--quantize` accepts; a module of its own, so that a command line may list it without importing a framework."""

from enum import StrEnum


class Quantize(StrEnum):
    """How to quantise a checkpoint that is in bfloat16.

    Attributes:
        INT4_G32: Each group gets the grid that it is on, else the scale of least squared error. Experts are grouped
            along the output, as MobileMoE's are.
        INT4_G32_IN: The same, experts grouped along the input, as other tools' formats are.
        Q4_0: As llama.cpp does, experts grouped along the input; what models trained for it have seen.
        TORCHAO_8DA4W: The same as torchao does.
    """

    INT4_G32 = "int4-g32"
    INT4_G32_IN = "int4-g32-in"
    Q4_0 = "q4_0"
    TORCHAO_8DA4W = "torchao-8da4w"

    @property
    def by_input(self) -> bool:
        """Whether experts are grouped along the input."""
        return self is not Quantize.INT4_G32
