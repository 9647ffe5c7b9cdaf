"""Programs that are written from mapped constants are those of ExecuTorch's own writer."""

import copy
import io
from pathlib import Path

import pytest
import torch
from executorch.exir import EdgeProgramManager, ExecutorchBackendConfig, to_edge
from executorch.runtime import Runtime
from torch import Tensor, nn

from mmoe.backends import mapped_constants
from mmoe.backends.mapped_constants import CONSTANT_ALIGNMENT, MappedData, write_program
from mmoe.export.convert.spill import Spill


class Constants(nn.Module):
    """Large and small constants of several shapes and dtypes, two of the same content, and a state."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.register_buffer("halves", torch.randn(300, 400, generator=generator).half())
        self.register_buffer("floats", torch.randn(3, 100, 400, generator=generator))
        self.register_buffer("twin", self.floats.clone())
        self.register_buffer("viewed", torch.randn(120_000, generator=generator))
        self.register_buffer("row", torch.randn(400, generator=generator))
        self.register_buffer(
            "bytes", torch.randint(0, 256, (300, 400), dtype=torch.uint8, generator=generator)
        )
        self.register_buffer("state", torch.zeros(300, 400))

    def forward(self, x: Tensor) -> Tensor:
        """float32 ``[300, 400]`` -> the same."""
        self.state.add_(x)
        floats = (self.floats * 2 + self.twin + self.viewed.view(3, 100, 400)).reshape(300, 400)
        return self.state + self.halves.float() + floats + self.row + self.bytes.float()


@pytest.fixture(scope="module")
def lowered() -> EdgeProgramManager:
    program = torch.export.export(Constants(), (torch.zeros(300, 400),), strict=False)
    return to_edge(program)


def written(lowered: EdgeProgramManager) -> bytes:
    file = io.BytesIO()
    write_program(copy.deepcopy(lowered), file)
    return file.getvalue()


def test_the_bytes_are_those_of_the_stock_writer(lowered: EdgeProgramManager) -> None:
    config = ExecutorchBackendConfig(constant_tensor_alignment=CONSTANT_ALIGNMENT)
    stock = copy.deepcopy(lowered).to_executorch(config).buffer
    assert written(lowered) == stock


def test_the_program_computes_what_the_module_does(lowered: EdgeProgramManager, tmp_path: Path) -> None:
    (tmp_path / "model.pte").write_bytes(written(lowered))
    method = Runtime.get().load_program(tmp_path / "model.pte").load_method("forward")
    assert method is not None
    x = torch.randn(300, 400, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(method.execute([x])[0], Constants()(x))


def test_large_constants_are_not_copied(lowered: EdgeProgramManager, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for one that the program also has a view of."""
    seen: list[int] = []

    class Watched(MappedData):
        def __init__(self, tensor: Tensor) -> None:
            seen.append(tensor.nbytes)
            super().__init__(tensor)

        def to_bytes(self) -> bytes:
            raise AssertionError("a mapped constant was copied")

    monkeypatch.setattr(mapped_constants, "MappedData", Watched)
    written(lowered)
    assert sorted(seen) == [120_000, 240_000, 480_000, 480_000]


def test_pieces_of_mapped_data_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped_constants, "_CHUNK", 1000)
    owner = nn.Module()
    tensor = torch.randint(0, 256, (123, 1001), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    owner.register_buffer("weight", tensor.clone())
    with Spill(tmp_path) as spill:
        spill.absorb(owner)
    data, file = MappedData(owner.weight), io.BytesIO()
    data.write_to_file(file)
    assert file.getvalue() == data.to_bytes() == tensor.numpy().tobytes()
    assert len(data) == tensor.nbytes
    assert data.prefix(5) == tensor.numpy().tobytes()[:5]


def test_the_megabytes_written_are_told(lowered: EdgeProgramManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped_constants, "_MB", 1000)
    told: list[tuple[int, int]] = []
    file = io.BytesIO()
    write_program(copy.deepcopy(lowered), file, progress=lambda done, total: told.append((done, total)))
    size = len(file.getvalue()) // 1000
    assert told[-1] == (size, size)
    assert sorted(told) == told
    assert len({done for done, _ in told}) > 4
