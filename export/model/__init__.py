"""The eager float32 decoder: a description of the architecture that can be run.

Shape legend: T new tokens, C cache rows, H hidden_size, D head_dim, E routed experts, F expert width,
S shared-expert width, V vocabulary.
"""

from mmoe.export.model.components import AttentionShape, Components, ExpertTensors, Routing
from mmoe.export.model.decoder import Decoder, build_decoder
from mmoe.export.model.reference import REFERENCE

__all__ = [
    "REFERENCE",
    "AttentionShape",
    "Components",
    "Decoder",
    "ExpertTensors",
    "Routing",
    "build_decoder",
]
