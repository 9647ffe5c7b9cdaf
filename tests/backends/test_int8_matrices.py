"""Tables and heads that a GGUF file keeps in eight bits or less, on backends without a kernel for int8."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmoe.backends.coreml.coreml_components import COREML_COMPONENTS
from mmoe.backends.mlx.mlx_components import mlx_components
from mmoe.checkpoints.opening import open_source
from mmoe.models.components import Components
from mmoe.models.decoder import build_decoder
from mmoe.models.reference import REFERENCE
from tests.support.gguf_cases import CASES
from tests.support.gguf_models import Q5_0, Q8_0

TIED = ("granitemoe, shared", {"token_embd.weight": Q5_0})
UNTIED = ("olmoe", {"output.weight": Q8_0, "token_embd.weight": Q8_0})


@pytest.mark.parametrize(("case", "types"), [TIED, UNTIED], ids=["tied", "untied"])
@pytest.mark.parametrize(
    ("components", "least"),
    [(mlx_components(torch.float32), 100), (COREML_COMPONENTS, 40)],
    ids=["mlx, float32", "coreml, float16"],
)
@torch.no_grad()
def test_they_are_computed_as_floats(
    components: Components, least: float, case: str, types: dict[str, int], tmp_path: Path
) -> None:
    CASES[case].write(tmp_path / "model.gguf", types=types)
    checkpoint = open_source(tmp_path / "model.gguf")
    assert checkpoint.config.quantization is not None
    assert checkpoint.config.quantization.int8_group("model.embed_tokens") == 32
    tokens = torch.randint(0, 200, (1, 20), generator=torch.Generator().manual_seed(0))
    expected, found = (
        build_decoder(checkpoint, one, max_context_len=20).all_logits(tokens, torch.tensor([0])).float()
        for one in (REFERENCE, components)
    )
    noise = (found - expected).square().sum() / expected.square().sum()
    assert -10 * torch.log10(noise) > least
