"""Small files for the fuzzers to begin with: `python -m tools.fuzz_seeds ARTIFACT CORPUS`.

Writes CORPUS/{manifest,tokenizer,program}/seed from an artifact's manifest, a cut-down version of its tokenizer, and a
program of a few kilobytes with the constant methods of a language model, and to CORPUS/template the chat templates of
the tests.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from executorch.exir import to_edge

# Bytes and their first merges; more would only make each run slower.
_TOKENS = 300
_VOCAB_SIZE = 320


class _Constant(torch.nn.Module):
    """The least that has the signature of a language model."""

    def forward(self, tokens: torch.Tensor, input_pos: torch.Tensor) -> torch.Tensor:
        return torch.zeros(1, _VOCAB_SIZE) + tokens.sum() + input_pos


def small_tokenizer(text: str) -> str:
    """A byte-level BPE tokenizer.json with its lowest ids alone, and what may be left of its merges."""
    document = json.loads(text)
    model = document["model"]
    vocab = {token: index for token, index in model["vocab"].items() if index < _TOKENS}
    pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"]]
    merges = [pair for pair in pairs if all(part in vocab for part in (*pair, "".join(pair)))]
    added = document["added_tokens"]
    for index, token in enumerate(added):
        token["id"] = _TOKENS + index
    document["post_processor"] = None  # names ids of the whole vocabulary
    return json.dumps(document | {"model": model | {"vocab": vocab, "merges": merges}, "added_tokens": added})


def small_program() -> bytes:
    """A `.pte` whose header, flatbuffer and constant methods are those of a language model."""
    example = (torch.zeros(1, 1, dtype=torch.int64), torch.zeros(1, dtype=torch.int64))
    methods = {"get_max_seq_len": 1, "get_max_context_len": 8, "get_vocab_size": _VOCAB_SIZE}
    exported = torch.export.export(_Constant(), example)
    return bytes(to_edge(exported, constant_methods=methods).to_executorch().buffer)


def chat_templates() -> list[str]:
    """What the tests render: templates of models, and one for each expression."""
    data = Path(__file__).parents[1] / "tests" / "data"
    expressions = (data / "template_expressions.txt").read_text(encoding="utf-8").splitlines()
    models = [path.read_text(encoding="utf-8") for path in sorted((data / "chat_templates").glob("*.jinja"))]
    return [*models, *("{{ " + expression + " }}" for expression in expressions)]


def main(artifact: Path, corpus: Path) -> None:
    """Writes the seeds."""
    (corpus / "template").mkdir(parents=True, exist_ok=True)
    for index, template in enumerate(chat_templates()):
        (corpus / "template" / f"seed{index:03}").write_text(template, encoding="utf-8")
    seeds = {
        "manifest": (artifact / "mmoe.json").read_bytes(),
        "tokenizer": small_tokenizer((artifact / "tokenizer.json").read_text(encoding="utf-8")).encode(),
        "program": small_program(),
    }
    for name, content in seeds.items():
        folder = corpus / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "seed").write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
