"""The proof that a program carries the checkpoint's own expert weights."""

from collections.abc import Iterable

import torch
from torch import Tensor

from mmoe.backends.base import ExpertWeights
from mmoe.checkpoints.checkpoint import Checkpoint
from mmoe.export.artifact.verification.report import ExpertWeightsProof

_TENSORS = ("gate_up_qweight", "gate_up_scale", "down_qweight", "down_scale")
_ZEROS = ("gate_up_zero", "down_zero")


def prove_expert_weights(
    checkpoint: Checkpoint, read_back: Iterable[ExpertWeights]
) -> ExpertWeightsProof | None:
    """Compares every nibble and scale of the routed experts, bit for bit.

    Args:
        checkpoint: What the program was made from.
        read_back: The experts of each MoE layer as found in the program, in layer order.

    Returns:
        The outcome; None for a model without routed experts.
    """
    expected = list(checkpoint.config.expert_blocks)
    if not expected:
        return None
    found = iter(read_back)
    compared = total_bytes = 0
    mismatches = []
    quantization = checkpoint.config.quantization
    symmetric = quantization is None or quantization.symmetric
    for layer in expected:
        weights = next(found, None)
        for name in _TENSORS if symmetric else (*_TENSORS, *_ZEROS):
            key = f"model.layers.{layer}.feed_forward.experts.{name}"
            tensor = checkpoint.tensor(key)
            compared, total_bytes = compared + 1, total_bytes + tensor.nbytes
            carried = getattr(weights, name, None)
            if carried is None or not _same_bits(tensor, carried):
                mismatches.append(key)
    mismatches += [f"a layer beyond the checkpoint's {len(expected)}" for _ in found]
    return ExpertWeightsProof(tensors=compared, bytes=total_bytes, mismatches=tuple(mismatches))


def same_experts(a: ExpertWeights, b: ExpertWeights) -> bool:
    """Whether two programs hold the same experts in a layer, bit for bit."""
    return all(_same_tensor(getattr(a, name), getattr(b, name)) for name in (*_TENSORS, *_ZEROS))


def _same_tensor(a: Tensor | None, b: Tensor | None) -> bool:
    return a is b if a is None or b is None else _same_bits(a, b)


def _same_bits(a: Tensor, b: Tensor) -> bool:
    """As bytes: equal floats are not always equal bits (0.0 and -0.0)."""
    flat = (tensor.reshape(-1).view(torch.uint8) for tensor in (a, b))
    return a.shape == b.shape and a.dtype == b.dtype and torch.equal(*flat)
