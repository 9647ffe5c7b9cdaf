"""The words in which an architecture says how the files of its family hold a tensor.

Inside, every tensor has one name and one shape whatever the family: matrices are ``[out, in]``, experts are stacked
as ``[E, in, out]``, gate and up side by side. A family lists only what its files call or shape otherwise, and in the
order in which the forms are looked for; the first is the one that a missing tensor is reported in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class StoredForm:
    """One way in which files hold a tensor of ours.

    Attributes:
        names: The files' tensors, whose outputs follow each other in ours; ``{e}`` stands for the expert in the names
            of tensors that hold one expert each. Relative to the layer, or to the model, as ours is.
        out_first: Whether experts are ``[..., out, in]``.
        part: Which of how many equal parts of the file's outputs ours is.
        as_row: Whether a vector of ours is a matrix of one row there.
    """

    names: tuple[str, ...]
    out_first: bool = False
    part: tuple[int, int] = (0, 1)
    as_row: bool = False

    @property
    def one_per_expert(self) -> bool:
        """Whether each expert has tensors of its own."""
        return "{e}" in self.names[0]


def named(name: str) -> tuple[StoredForm, ...]:
    """The same tensor under another name."""
    return (StoredForm(names=(name,)),)


def half(index: int, name: str) -> StoredForm:
    """The first or the second half (0, 1) of the outputs of a matrix."""
    return StoredForm(names=(name,), part=(index, 2))


def stacked(name: str, *, out_first: bool) -> StoredForm:
    """All experts in one tensor."""
    return StoredForm(names=(name,), out_first=out_first)


def one_per_expert(*names: str) -> StoredForm:
    """``[out, in]`` matrices of single experts; of gate and up first the gate."""
    return StoredForm(names=names, out_first=True)


TensorNames = Mapping[str, tuple[StoredForm, ...]]
"""Forms by our name, relative to the layer or, outside the layers, to the model."""

EXPERTS_BY_NAME: TensorNames = {
    f"feed_forward.experts.{ours}": (
        stacked(f"feed_forward.experts.{ours}", out_first=False),
        one_per_expert(*(f"feed_forward.experts.{{e}}.{name}.weight" for name in names)),
    )
    for ours, names in (("gate_up_proj", ("gate_proj", "up_proj")), ("down_proj", ("down_proj",)))
}
"""Our own names, and single experts beside them, as fine-tuning tools save them."""
