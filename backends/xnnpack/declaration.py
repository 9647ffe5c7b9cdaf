"""The xnnpack backend and its options."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from mmoe.backends.declaration import BackendOptionError, Declaration


class Linears(StrEnum):
    """What multiplies by the dense int4 matrices."""

    XNNPACK = "xnnpack"
    MMOE = "mmoe"


class KvCache(StrEnum):
    """How keys and values are kept."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    INT8 = "int8"

    def bytes_per_row(self, head_dim: int) -> int:
        """Bytes of the key and the value of one token in one kv head; int8 rows have a float32 scale each."""
        match self:
            case KvCache.FLOAT32:
                return 2 * 4 * head_dim
            case KvCache.FLOAT16:
                return 2 * 2 * head_dim
            case KvCache.INT8:
                return 2 * (head_dim + 4)


class Speculation(StrEnum):
    """Whether a program can judge drafted tokens."""

    OFF = "off"
    ON = "on"


# Drafted tokens that one call judges. Each has logits of its own: 0.5 MB at a vocabulary of 128,256.
MAX_DRAFT_TOKENS = 8


@dataclass(frozen=True, kw_only=True)
class XnnpackOptions:
    """Choices within the xnnpack backend.

    Attributes:
        linears: The kernels of dense linears and the head; `mmoe` has exact scales and no copy of the weights at load.
        kv_cache: What the KV cache holds.
        speculation: Whether there is a method that gives the logits of several tokens, for speculative decoding.
    """

    linears: Annotated[
        Linears,
        "Kernels for dense linears: mmoe keeps the scales exact and reads weights in place; xnnpack is the delegate, "
        "for devices on which bench shows it to be faster.",
    ] = Linears.MMOE
    kv_cache: Annotated[KvCache, "KV cache dtype; int8 rows have a scale per token and head."] = KvCache.INT8
    speculation: Annotated[
        Speculation,
        "A second method over the same weights and caches that judges drafted tokens, for speculative decoding; its "
        "text is that of plain decoding, so it needs --linears mmoe.",
    ] = Speculation.OFF

    def __post_init__(self) -> None:
        """Refuses what cannot keep its word: the bits of XNNPACK's linears depend on how many tokens a call has."""
        if self.speculation is Speculation.ON and self.linears is Linears.XNNPACK:
            raise BackendOptionError(
                "speculation", "needs linears mmoe, whose bits no number of tokens changes"
            )


BACKEND = Declaration(
    name="xnnpack",
    help="CPUs",
    options=XnnpackOptions,
    implementation="mmoe.backends.xnnpack.backend:XnnpackBackend",
    runs_in_libmmoe=True,
    in_apps="Apps open this folder with libmmoe, from C, Kotlin or Swift. The program also follows the contract of "
    "ExecuTorch's own LLM runners, which need the library of `mmoe` operators loaded.",
)
