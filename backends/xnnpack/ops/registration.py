"""Registers one operator with PyTorch in the two forms that ExecuTorch needs."""

from collections.abc import Callable

import torch
from torch import Tensor

_LIBRARY = torch.library.Library("mmoe", "DEF")


def register_operator(
    name: str, arguments: str, *, twin: Callable[..., Tensor], shape_like: Callable[..., Tensor]
) -> None:
    """Defines ``mmoe::<name>`` and its out variant.

    Args:
        name: Operator name without the namespace.
        arguments: The schema's argument list; the result is always one Tensor.
        twin: Eager CPU implementation.
        shape_like: Returns an empty tensor of the result's shape and dtype; runs on fake tensors during export.
    """
    _LIBRARY.define(f"{name}({arguments}) -> Tensor")
    # `to_executorch` replaces the functional form by this one, whose memory it plans; only the runtime executes it.
    _LIBRARY.define(f"{name}.out({arguments}, *, Tensor(c!) out) -> Tensor(c!)")
    _LIBRARY.impl(name, twin, "CPU")
    torch.library.register_fake(f"mmoe::{name}", shape_like, lib=_LIBRARY)
