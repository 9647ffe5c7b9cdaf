"""Where a family's files hold our tensors: names, orientation, stacking, the order of RoPE's pairs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mmoe.checkpoints.tensor_spec import TensorSpec
from mmoe.models.architectures.config import DecoderConfig
from mmoe.models.architectures.description import Attention, Pairing
from mmoe.models.architectures.tensor_names import StoredForm

_PLACE = re.compile(r"model\.(?:layers\.(\d+)\.)?")
_TURNED = re.compile(r"self_attn\.[qk]_(?:proj\.(?:weight|bias)|norm\.weight)")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the files hold a tensor of ours, and what makes ours of it.

    Attributes:
        names: The files' tensors: a row for each piece, which is an expert where each has tensors of its own. The
            tensors of a row follow each other along their outputs.
        shape: Of each of them.
        is_experts: Whether ours is a stack of experts.
        out_first: Whether their outputs come before their inputs, as they do not here.
        part: Which of how many equal parts of the outputs ours is.
        halves_of: Width of the heads whose rows come with RoPE's pairs as halves; None for rows that stay.
        as_row: Whether the files hold a vector as a matrix of one row.
    """

    names: tuple[tuple[str, ...], ...]
    shape: tuple[int, ...]
    is_experts: bool = False
    out_first: bool = False
    part: tuple[int, int] = (0, 1)
    halves_of: int | None = None
    as_row: bool = False

    @property
    def sources(self) -> dict[str, tuple[int, ...]]:
        """Shape of every tensor of the files that this one is made of, by name."""
        return {name: self.shape for row in self.names for name in row}


def locate(
    config: DecoderConfig, shapes: Mapping[str, tuple[int, ...]], found: Mapping[str, TensorSpec]
) -> dict[str, Origin]:
    """Where files hold each tensor of an unpacked checkpoint.

    Args:
        config: Its config, whose family has a table of names.
        shapes: Shape of every tensor by our name.
        found: The files' tensors. Of several forms the first one that they have is taken; the first one if none.
    """
    return {name: _origin(config, name, shape, found) for name, shape in shapes.items()}


def _origin(
    config: DecoderConfig, name: str, shape: tuple[int, ...], found: Mapping[str, TensorSpec]
) -> Origin:
    place = _PLACE.match(name)
    prefix = place[0] if place else ""
    relative = name.removeprefix(prefix)
    forms = config.TENSOR_NAMES.get(relative, (StoredForm(names=(relative,)),))
    form = next((form for form in forms if prefix + form.names[0].format(e=0) in found), forms[0])
    experts = range(shape[0]) if form.one_per_expert else range(1)
    return Origin(
        names=tuple(tuple(prefix + part.format(e=expert) for part in form.names) for expert in experts),
        shape=_stored_shape(form, shape),
        is_experts=relative.startswith("feed_forward.experts."),
        out_first=form.out_first,
        part=form.part,
        halves_of=_halves(config, place[1] if place else None, relative),
        as_row=form.as_row,
    )


def _stored_shape(form: StoredForm, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of each of a form's tensors."""
    if form.as_row:
        return (1, *shape)
    if not form.out_first:
        return (shape[0] * form.part[1], *shape[1:])
    experts, inputs, outputs = shape
    matrix = (outputs // len(form.names), inputs)
    return matrix if form.one_per_expert else (experts, *matrix)


def _halves(config: DecoderConfig, layer: str | None, relative: str) -> int | None:
    if layer is None or not _TURNED.fullmatch(relative):
        return None
    mixer = config.layer(int(layer)).mixer
    turned = isinstance(mixer, Attention) and mixer.rope is not None and mixer.rope.pairing is Pairing.HALVES
    return config.head_dim if turned else None
