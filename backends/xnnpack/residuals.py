"""Puts residual additions and the normalisation that follows them into one operator.

The decoder's source keeps them apart, as every backend needs them; three additions and two normalisations per layer are
five operators, each of which costs a decode step about a microsecond whatever it computes.
"""

import operator

import torch
from torch.export import ExportedProgram
from torch.fx import Node

_ADD = torch.ops.aten.add.Tensor
_NORM = torch.ops.mmoe.rms_norm.default
_ADD_NORM = torch.ops.mmoe.add_rms_norm.default


def _is_addition(node: object) -> bool:
    """Whether two activations are added; a bias, which is a vector, is none."""
    if not isinstance(node, Node) or node.target is not _ADD:
        return False
    shapes = [arg.meta["val"].shape for arg in node.args if isinstance(arg, Node)]
    return len(shapes) == 2 and shapes[0] == shapes[1]


def fuse_residual_norms(program: ExportedProgram) -> None:
    """Replaces ``rms_norm(residual + x)`` and ``rms_norm(residual + (x + y))`` in place; the bits stay the same.

    Args:
        program: In the ATen dialect, with calls of `mmoe::rms_norm`.
    """
    graph = program.graph_module.graph
    for norm in graph.find_nodes(op="call_function", target=_NORM):
        total, weight, eps = norm.args
        if not _is_addition(total):
            continue
        residual, added = total.args
        inner = _is_addition(added) and len(added.users) == 1
        x, y = added.args if inner else (added, None)
        with graph.inserting_before(total):
            fused = graph.call_function(_ADD_NORM, (residual, x, y, weight, eps))
            fused.meta = {**norm.meta, "val": (total.meta["val"], norm.meta["val"])}
            for place, old in enumerate((total, norm)):
                result = graph.call_function(operator.getitem, (fused, place))
                result.meta = dict(old.meta)
                old.replace_all_uses_with(result)
        for old in (norm, total, added) if inner else (norm, total):
            graph.erase_node(old)
    graph.lint()
    program.graph_module.recompile()
