"""Registers one operator with PyTorch in the two forms that ExecuTorch needs."""

from collections.abc import Callable
from string import ascii_lowercase

import torch
from torch import Tensor

_LIBRARY = torch.library.Library("mmoe", "DEF")


def register_operator(
    name: str,
    arguments: str,
    *,
    twin: Callable[..., Tensor | tuple[Tensor, ...]],
    shape_like: Callable[..., Tensor | tuple[Tensor, ...]],
    results: int = 1,
) -> None:
    """Defines ``mmoe::<name>`` and its out variant.

    Args:
        name: Operator name without the namespace.
        arguments: The schema's argument list.
        twin: Eager CPU implementation.
        shape_like: Returns an empty tensor of the result's shape and dtype; runs on fake tensors during export.
        results: How many tensors it returns.
    """
    plain = ", ".join(["Tensor"] * results)
    aliases = [f"Tensor({letter}!)" for letter in ascii_lowercase[-results:]]
    outs = [f"{alias} out{number if results > 1 else ''}" for number, alias in enumerate(aliases)]
    _LIBRARY.define(f"{name}({arguments}) -> ({plain})")
    # `to_executorch` replaces the functional form by this one, whose memory it plans; only the runtime executes it.
    _LIBRARY.define(f"{name}.out({arguments}, *, {', '.join(outs)}) -> ({', '.join(aliases)})")
    _LIBRARY.impl(name, twin, "CPU")
    torch.library.register_fake(f"mmoe::{name}", shape_like, lib=_LIBRARY)
