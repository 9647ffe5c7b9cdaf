"""Trained models of public families for Core ML: all of it in one model, the weights the checkpoint's."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from mmoe.backends.coreml.coreml_components import COREML_COMPONENTS
from mmoe.backends.coreml.payload import CoreMLModel
from mmoe.backends.program_file import ProgramFile
from mmoe.backends.registry import load_backend
from mmoe.checkpoints.opening import open_source
from mmoe.export.convert.convert import ConvertOptions, convert
from mmoe.export.verify.weights_proof import prove_expert_weights
from mmoe.models.decoder import build_decoder
from mmoe.models.reference import REFERENCE
from mmoe.quant.int4 import unpack_nibbles
from tests.support.extended import mostly_extended
from tests.support.int4_folders import write_compressed_tensors
from tests.support.stand_ins import FOLDER, NAMES, held_out_ids, write_first_layers

START = torch.zeros(1, dtype=torch.int64)


def sqnr(folder: Path, ids: list[int]) -> float:
    """Of a chunk and of single tokens behind it, in PyTorch, against eager float32."""
    tokens, half = torch.tensor([ids]), len(ids) // 2
    checkpoint = open_source(folder)
    expected, found = (
        build_decoder(checkpoint, components, max_context_len=len(ids))
        for components in (REFERENCE, COREML_COMPONENTS)
    )
    with torch.no_grad():
        wanted = expected.all_logits(tokens, START)[0]
        for _ in range(2):  # the states still hold the first text when the second one begins
            rows = [found.all_logits(tokens[:, :half], START)[0].float()]
            rows += [found(tokens[:, t : t + 1], torch.tensor([t])).float() for t in range(half, len(ids))]
    noise = (torch.cat(rows) - wanted).square().sum() / wanted.square().sum()
    return float(-10 * torch.log10(noise))


@pytest.mark.parametrize("name", NAMES)
def test_float16_activations_stay_close(name: str) -> None:
    assert sqnr(FOLDER / name, held_out_ids(FOLDER / name, 60)) > 40


def test_zero_points(tmp_path: Path) -> None:
    write_compressed_tensors(tmp_path, group=64, symmetric=False)
    ids = torch.randint(0, 288, (24,), generator=torch.Generator().manual_seed(0)).tolist()
    assert sqnr(tmp_path, ids) > 40


@pytest.mark.slow
@pytest.mark.parametrize("name", mostly_extended(NAMES, always=("olmoe",)))
def test_a_program_is_one_model_with_the_checkpoints_weights(name: str, tmp_path: Path) -> None:
    # Of LFM2 a dense layer, one with experts, and one that attends.
    source = write_first_layers(tmp_path / "source", name, 3 if name == "lfm2_moe" else 1)
    options = ConvertOptions(backend="coreml", max_seq_len=8, max_context_len=32)
    program = ProgramFile(convert(source, tmp_path / "artifact", options=options).model_path)
    for method in ("forward", "prefill"):
        assert program.delegate_counts(method) == Counter({"CoreMLBackend": 1})
        assert not program.operator_counts(method)
    checkpoint = open_source(source)
    proof = prove_expert_weights(checkpoint, load_backend("coreml").read_experts(program))
    assert proof is not None
    assert proof.passed
    expected = Counter(
        unpack_nibbles(checkpoint.tensor(key)).numpy().tobytes()
        for key in checkpoint.specs
        if key.endswith(".qweight") and ".experts." not in key
    )
    with CoreMLModel(program) as model:
        for function in model.functions:
            assert Counter(matrix.values.tobytes() for matrix in model.int4_matrices(function)) == expected
            for key, array in model.constants(function).items():
                # Experts stay bytes; floats are their scales, tables and convolutions, and routers.
                widened = array.dtype == np.float16 and array.ndim == 3 and "scale" not in key and array.any()
                assert not widened, f"{key} {array.shape}"
