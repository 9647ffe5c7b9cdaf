"""Takes buffers that nothing reads out of an exported program."""

from torch.export import ExportedProgram
from torch.export.graph_signature import ExportGraphSignature, InputKind


def drop_unused_buffers(program: ExportedProgram) -> None:
    """Removes buffers without a reader, in place.

    ExecuTorch does so for parameters only; a buffer that stays is stored as a constant outside the delegate. A decoder
    has them where two names share a tensor (the tied table) and where a kernel computes its own angles.
    """
    signature = program.graph_signature
    unused = {node.name: node for node in program.graph.nodes if node.op == "placeholder" and not node.users}
    dropped = [
        spec for spec in signature.input_specs if spec.kind is InputKind.BUFFER and spec.arg.name in unused
    ]
    for spec in dropped:
        program.graph.erase_node(unused[spec.arg.name])
        program.state_dict.pop(spec.target, None)
        program.constants.pop(spec.target, None)
    kept = [spec for spec in signature.input_specs if spec not in dropped]
    program._graph_signature = ExportGraphSignature(kept, signature.output_specs)
    program.graph_module.recompile()
