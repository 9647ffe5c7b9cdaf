"""XNNPACK's partitioner, reduced to what a decoder contains."""

from collections.abc import Callable

from executorch.backends.xnnpack.partition.config.gemm_configs import LinearConfig
from executorch.backends.xnnpack.partition.config.generic_node_configs import (
    AddConfig,
    MulConfig,
    SigmoidConfig,
)
from executorch.backends.xnnpack.partition.config.quant_affine_configs import (
    ChooseQParamsAffineConfig,
    DeQuantizeAffineConfig,
    QuantizeAffineConfig,
)
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.backends.xnnpack.xnnpack_preprocess import XnnpackBackend
from executorch.exir.backend.compile_spec_schema import CompileSpec
from executorch.exir.backend.partitioner import DelegationSpec
from torch._ops import OpOverload
from torch.export import ExportedProgram
from torch.fx import Node


class DecoderPartitioner(XnnpackPartitioner):  # type: ignore[misc]  # executorch has no types
    """Takes dynamically quantised linears and the pointwise operators between them.

    The stock partitioner also searches every graph for patterns of images and attention, and its preprocessing
    retraces every delegate through 17 passes, of which one matters here.
    """

    def __init__(self) -> None:
        super().__init__(
            configs=[
                LinearConfig,
                AddConfig,
                MulConfig,
                SigmoidConfig,
                ChooseQParamsAffineConfig,
                QuantizeAffineConfig,
                DeQuantizeAffineConfig,
            ]
        )
        # This key makes the preprocessing run that one pass, which turns decomposed linears back into linears.
        self.delegation_spec = DelegationSpec(
            XnnpackBackend.__name__, [CompileSpec("dqlinear_partitioner", b"")]
        )

    def ops_to_not_decompose(
        self, ep: ExportedProgram
    ) -> tuple[list[OpOverload], Callable[[Node], bool] | None]:
        """Keeps every linear whole; without a filter on top, two retracings of the whole program fall away."""
        operators, _ = super().ops_to_not_decompose(ep)
        return operators, None
