"""Small files for the fuzzers to begin with: `python -m tools.fuzz_seeds ARTIFACT CORPUS`.

Writes CORPUS/{manifest,tokenizer,program,snapshot}/ from an artifact's manifest, a cut-down version of its tokenizer
and of one with every other part, and a program of a few kilobytes with the constant methods of a language model; and to
CORPUS/template the chat templates of the tests, to CORPUS/grammar their JSON schemas.
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


def every_part(text: str) -> str:
    """A SentencePiece-like tokenizer.json with the parts that a byte-level one has not."""
    document = json.loads(text)
    model = document["model"]
    vocab = {"<unk>": 0, **{f"<0x{byte:02X}>": byte + 1 for byte in range(256)}}
    for character in "\u2581abcdeht ":
        vocab.setdefault(character, len(vocab))
    vocab |= {"th": len(vocab), "the": len(vocab) + 1}
    for index, token in enumerate(document["added_tokens"]):
        token |= {"id": len(vocab) + index, "lstrip": index % 2 == 0, "rstrip": index % 3 == 0}
        token |= {"single_word": index == 4, "normalized": index > 4}
    patterns = ({"Regex": r"(?i:'s)|\p{L}++|[^\s&&\S]|\d{1,3}(?=(?:\d{3})*$)"}, {"String": "ab"})
    behaviors = ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")
    cuts = [
        {"type": "Split", "pattern": patterns[index % 2], "behavior": behavior, "invert": index > 2}
        for index, behavior in enumerate(behaviors)
    ]
    metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": True}
    digits = {"type": "Digits", "individual_digits": True}
    words = [{"type": name} for name in ("Punctuation", "Whitespace", "WhitespaceSplit")]
    replace = {"type": "Replace", "pattern": {"Regex": r"\s+$|e"}, "content": "\u00e9"}
    strip = {"type": "Strip", "strip_left": True, "strip_right": False}
    forms = [{"type": name} for name in ("NFC", "NFKC", "NFD", "NFKD", "Lowercase")]
    normalizers = [*forms, replace, strip, {"type": "Prepend", "prepend": " "}]
    decoders = [
        {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
        *(
            {"type": "ByteFallback"},
            {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ),
    ]
    model |= {
        "vocab": vocab,
        "merges": ["t h", "th e"],
        "unk_token": "<unk>",
        "fuse_unk": True,
        "byte_fallback": True,
    }
    return json.dumps(
        document
        | {
            "model": model,
            "normalizer": {"type": "Sequence", "normalizers": normalizers},
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [*cuts, digits, *words, metaspace]},
            "decoder": {"type": "Sequence", "decoders": decoders},
            "post_processor": None,
        }
    )


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


def grammars() -> list[bytes]:
    """JSON schemas of the tests, behind an even byte, and grammars that have every construct, behind an odd one."""
    suite = Path(__file__).parents[1] / "tests" / "data" / "json_schema_suite"
    groups = [group for path in sorted(suite.glob("*.json")) for group in json.loads(path.read_text("utf-8"))]
    schemas = [json.dumps(group["schema"]).encode() for group in groups]
    gbnf = (
        b'root ::= ("a" | [^b-d\\n]{2,3} word?)* # end\nword ::= "\\x41\\u00e9" . [0-9]+\n',
        b'root ::= list\nlist ::= "[" (item ("," item)*)? "]"\nitem ::= "1" | list\n',
    )
    return [*(b"\0" + schema for schema in schemas), *(b"\1" + text for text in gbnf)]


def main(artifact: Path, corpus: Path) -> None:
    """Writes the seeds."""
    tokenizer = (artifact / "tokenizer.json").read_text(encoding="utf-8")
    (corpus / "template").mkdir(parents=True, exist_ok=True)
    for index, template in enumerate(chat_templates()):
        (corpus / "template" / f"seed{index:03}").write_text(template, encoding="utf-8")
    (corpus / "grammar").mkdir(parents=True, exist_ok=True)
    for index, grammar in enumerate(grammars()):
        (corpus / "grammar" / f"seed{index:03}").write_bytes(grammar)
    seeds = {
        "manifest/seed": (artifact / "mmoe.json").read_bytes(),
        "tokenizer/seed": small_tokenizer(tokenizer).encode(),
        "tokenizer/every_part": every_part(tokenizer).encode(),
        "program/seed": small_program(),
        # The fuzzer puts it behind the snapshot of a session in which nothing was run.
        "snapshot/seed": bytes(16),
    }
    for name, content in seeds.items():
        path = corpus / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
