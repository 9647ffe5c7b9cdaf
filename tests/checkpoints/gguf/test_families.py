"""GGUF files against `transformers` on the weights that the `gguf` package finds in them."""

from __future__ import annotations

import gc
import json
from pathlib import Path

import gguf
import pytest
import torch
from tokenizers import Tokenizer

from mmoe.checkpoints.gguf.opened import open_gguf
from mmoe.checkpoints.tokenizer import load_tokenizer
from mmoe.export.convert.carried import licence
from mmoe.models.decoder import build_decoder
from mmoe.models.reference import REFERENCE
from tests.support.gguf_cases import CASES, VOCAB
from tests.support.gguf_models import BF16, F16, Q4_0, Q5_0, Q8_0
from tests.support.tokenizers import build_tokenizer

TOKENS = torch.arange(3, 24).unsqueeze(0) * 11 % VOCAB
Types = dict[str, gguf.GGMLQuantizationType]


def logits(path: Path) -> torch.Tensor:
    decoder = build_decoder(open_gguf(path), REFERENCE, max_context_len=40)
    with torch.no_grad():
        return decoder.all_logits(TOKENS, torch.zeros(1, dtype=torch.int64))


@pytest.mark.parametrize("name", CASES)
def test_logits_equal_those_of_transformers(name: str, tmp_path: Path) -> None:
    model = CASES[name].write(tmp_path / "model.gguf")
    with torch.no_grad():
        expected = model(TOKENS).logits
    spread = expected.max() - expected.min()
    assert float((logits(tmp_path / "model.gguf") - expected).abs().max() / spread) < 1e-5


@pytest.mark.parametrize(
    "types",
    [
        {"output.weight": Q8_0, "token_embd.weight": F16},
        {"output.weight": Q5_0, "token_embd.weight": Q5_0},
        {"blk.0.attn_q.weight": BF16, "blk.1.attn_output.weight": Q8_0, "blk.0.ffn_gate_inp.weight": F16},
        {"blk.0.ffn_gate_inp.weight": Q4_0, "blk.1.attn_norm.weight": Q4_0, "blk.1.attn_q_norm.weight": Q4_0},
    ],
)
def test_other_types_are_read_as_they_are(types: Types, tmp_path: Path) -> None:
    model = CASES["olmoe"].write(tmp_path / "model.gguf", types=types)
    assert open_gguf(tmp_path / "model.gguf").total_bytes
    with torch.no_grad():
        expected = model(TOKENS).logits
    spread = expected.max() - expected.min()
    assert float((logits(tmp_path / "model.gguf") - expected).abs().max() / spread) < 1e-5


def test_texts_are_gone_with_the_checkpoint(tmp_path: Path) -> None:
    CASES["olmoe"].write(tmp_path / "model.gguf", changes={"general.license": "apache-2.0"})
    checkpoint = open_gguf(tmp_path / "model.gguf")
    folder = checkpoint.folder
    assert licence(folder) == "apache-2.0"
    del checkpoint
    gc.collect()
    assert not folder.exists()


def test_the_tokenizer_is_the_one_that_was_written(tmp_path: Path) -> None:
    CASES["olmoe"].write(tmp_path / "model.gguf", changes={"tokenizer.chat_template": "{{ messages }}"})
    checkpoint = open_gguf(tmp_path / "model.gguf")
    tokenizer = load_tokenizer(checkpoint.folder, checkpoint.config)
    expected = build_tokenizer()
    text = "the quick brown fox, over 1234 dogs"
    # The file names another way to cut texts, that of GPT-2, in which these words are cut alike.
    assert tokenizer.encode(text) == expected.encode(text, add_special_tokens=False).ids
    assert tokenizer.stop_ids >= {5}
    assert tokenizer.template is not None
    assert tokenizer.template.source == "{{ messages }}"


@pytest.mark.parametrize(
    ("named", "ends"),
    [({"eot": 9}, {5, 9}), ({"eot": 5, "eom": 7}, {5, 7}), ({}, {5})],
    ids=["the end of a turn", "the end of a message", "one end"],
)
def test_every_end_that_is_named_ends_a_text(tmp_path: Path, named: dict[str, int], ends: set[int]) -> None:
    """As in llama.cpp: a file may name <|endoftext|> as `eos` and what ends an answer as `eot` only."""
    changes = {f"tokenizer.ggml.{end}_token_id": token for end, token in named.items()}
    CASES["olmoe"].write(tmp_path / "model.gguf", changes=changes)
    assert {*open_gguf(tmp_path / "model.gguf").config.eos_token_ids} == ends


@pytest.mark.parametrize(
    ("pre", "said", "begins"),
    [("lfm2", None, True), ("llama-bpe", None, True), ("lfm2", False, False), ("qwen2", None, False)],
)
def test_bos_is_there_by_default_where_llama_cpp_adds_it(
    tmp_path: Path, pre: str, said: bool | None, begins: bool
) -> None:
    document = json.loads(build_tokenizer().to_str())
    changes = {} if said is None else {"tokenizer.ggml.add_bos_token": said}
    CASES["olmoe"].write(tmp_path / "model.gguf", changes=changes, tokenizer=(document, pre))
    checkpoint = open_gguf(tmp_path / "model.gguf")
    ids = Tokenizer.from_file(str(checkpoint.folder / "tokenizer.json")).encode("the fox").ids
    assert (ids[0] == 1) is begins
