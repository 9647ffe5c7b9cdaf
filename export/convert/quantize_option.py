"""What `--quantize` accepts; a module of its own, so that a command line may list it without importing a framework."""

from enum import StrEnum


class Quantize(StrEnum):
    """How to quantise a checkpoint that is in bfloat16."""

    INT4_G32 = "int4-g32"
