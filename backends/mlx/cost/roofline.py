"""How long instructions take at least on a device of given bandwidth and arithmetic rate."""

import math
from dataclasses import dataclass

from mmoe.backends.mlx.cost.rules import Cost
from mmoe.runtime_bindings.python.errors import OptionError

IPHONE_16_PRO_GB_PER_S = 60.0
"""A18 Pro: 64 bits of LPDDR5X at 7.5 GT/s; Apple tells of 17 % more than the A17 Pro, which has 51.2 GB/s."""

IPHONE_16_PRO_TFLOPS = 2.3
"""A18 Pro: 6 GPU cores of 128 multiply-adds a cycle, 2 operations each, at about 1.5 GHz; Apple publishes no figure."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device as a roofline sees it (Williams et al., 2009).

    Attributes:
        gb_per_s: Memory bandwidth, 1e9 bytes per second.
        tflops: Arithmetic rate, 1e12 operations per second; a multiply-add is two.

    Raises:
        OptionError: A figure is not above zero.
    """

    gb_per_s: float = IPHONE_16_PRO_GB_PER_S
    tflops: float = IPHONE_16_PRO_TFLOPS

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (math.isfinite(value) and value > 0):
                raise OptionError(f"{name} must be above zero, not {value}")

    def seconds(self, cost: Cost) -> float:
        """The longer of moving the bytes and doing the arithmetic."""
        return max(cost.bytes / (self.gb_per_s * 1e9), 2 * cost.macs / (self.tflops * 1e12))
