"""What is inside an artifact or a `.pte`: methods, delegates, operators, and where the bytes are."""

from dataclasses import dataclass
from pathlib import Path

from mmoe.backends import program_schema as schema
from mmoe.backends.program_file import ProgramFile
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.artifact.manifest import Manifest

# ExecuTorch names types as C++ does.
_DTYPE_NAMES = {
    schema.ScalarType.FLOAT: "float32",
    schema.ScalarType.LONG: "int64",
    schema.ScalarType.INT: "int32",
    schema.ScalarType.HALF: "float16",
}


@dataclass(frozen=True, kw_only=True)
class MethodSummary:
    """A method that runs something.

    Attributes:
        name: Of the method.
        inputs: Type and shape of each input; a dynamic dimension shows its upper bound.
        outputs: The same of each output.
        delegates: Delegated subgraphs by backend id.
        operators: Kernel calls by qualified operator name.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    delegates: dict[str, int]
    operators: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class ProgramSummary:
    """A `.pte` in figures; `mmoe.export.files.records.to_json` makes JSON of it.

    Attributes:
        path: The file.
        bytes: Its size.
        bytes_by_part: The size split into operators' constants, payloads of delegates, and the program itself.
        methods: Those that run something.
        metadata: What the constant methods return, by name.
    """

    path: str
    bytes: int
    bytes_by_part: dict[str, int]
    methods: tuple[MethodSummary, ...]
    metadata: dict[str, int | bool | list[int]]


@dataclass(frozen=True, kw_only=True)
class ArtifactSummary:
    """An artifact in figures.

    Attributes:
        folder: Where it is.
        manifest: What `mmoe.json` says.
        program: What `model.pte` holds.
    """

    folder: str
    manifest: Manifest
    program: ProgramSummary


def describe_artifact(folder: str | Path) -> ArtifactSummary:
    """Describes an artifact without running it.

    Raises:
        ArtifactError: The artifact is incomplete or damaged.
    """
    artifact = Artifact.open(folder)
    return ArtifactSummary(
        folder=str(artifact.folder),
        manifest=artifact.manifest,
        program=describe_program(artifact.model_path),
    )


def describe_program(path: str | Path) -> ProgramSummary:
    """Describes any ExecuTorch program without running it.

    Raises:
        ArtifactError: The file is absent, damaged or no ExecuTorch program.
    """
    program = ProgramFile(Path(path))
    metadata = program.metadata()
    constants = program.constant_segment_bytes
    payloads = program.segment_bytes - constants
    return ProgramSummary(
        path=str(path),
        bytes=program.file_bytes,
        bytes_by_part={
            "constants of operators": constants,
            "payloads of delegates": payloads,
            "program and padding": program.file_bytes - constants - payloads,
        },
        methods=tuple(
            _describe_method(program, plan)
            for plan in program.program.execution_plan
            if plan.name not in metadata
        ),
        metadata=metadata,
    )


def _describe_method(program: ProgramFile, plan: schema.ExecutionPlan) -> MethodSummary:
    return MethodSummary(
        name=plan.name,
        inputs=tuple(_describe_value(plan.values[index]) for index in plan.inputs),
        outputs=tuple(_describe_value(plan.values[index]) for index in plan.outputs),
        delegates=dict(program.delegate_counts(plan.name)),
        operators=dict(program.operator_counts(plan.name).most_common()),
    )


def _describe_value(value: schema.Value) -> str:
    if not isinstance(value, schema.Tensor):
        return type(value).__name__
    bound = "" if value.shape_dynamism is schema.TensorShapeDynamism.STATIC else "up to "
    dtype = _DTYPE_NAMES.get(value.scalar_type, value.scalar_type.name.lower())
    return f"{dtype} {bound}[{', '.join(map(str, value.sizes))}]"
