"""Python side of the `mmoe` operator library: schemas, shapes and a readable twin of every kernel's arithmetic.

Importing this package registers the operators with PyTorch, which is what `torch.export` needs. In eager mode and in
an exported program the twins run; in a `.pte` the C++ kernels of `libmmoe_ops` run. The twins follow the kernels'
definition (the same roundings, the same integer sums) and share no code with them, so that comparing the two is a test.
"""

from mmoe.backends.xnnpack.ops.add_rms_norm import add_rms_norm
from mmoe.backends.xnnpack.ops.attention import Window, attention
from mmoe.backends.xnnpack.ops.attention_int8 import attention_int8
from mmoe.backends.xnnpack.ops.attention_int8 import cache_shapes as int8_cache_shapes
from mmoe.backends.xnnpack.ops.embedding import embedding
from mmoe.backends.xnnpack.ops.embedding_panels import embedding_panels
from mmoe.backends.xnnpack.ops.linear import linear
from mmoe.backends.xnnpack.ops.linear_qkv import linear_qkv
from mmoe.backends.xnnpack.ops.moe_ffn import moe_ffn
from mmoe.backends.xnnpack.ops.moe_ffn_in import moe_ffn_in
from mmoe.backends.xnnpack.ops.planes import embedding_planes, linear_planes
from mmoe.backends.xnnpack.ops.rms_norm import rms_norm
from mmoe.backends.xnnpack.ops.short_conv import short_conv
from mmoe.backends.xnnpack.ops.swiglu_ffn import swiglu_ffn

__all__ = [
    "Window",
    "add_rms_norm",
    "attention",
    "attention_int8",
    "embedding",
    "embedding_panels",
    "embedding_planes",
    "int8_cache_shapes",
    "linear",
    "linear_planes",
    "linear_qkv",
    "moe_ffn",
    "moe_ffn_in",
    "rms_norm",
    "short_conv",
    "swiglu_ffn",
]
