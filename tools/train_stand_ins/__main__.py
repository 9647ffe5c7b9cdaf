"""Command line: trains families and writes each to a folder of its own."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from tokenizers import Tokenizer

from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.quant.int4 import dequantize
from tools.train_demo.corpus import join, read_corpus
from tools.train_demo.data import evaluation_rows
from tools.train_demo.tokenizer import BOS, EOS, EOT, special_id
from tools.train_stand_ins.families import STAND_INS, begin_with_table
from tools.train_stand_ins.grid import GridModel
from tools.train_stand_ins.pack import write_checkpoint
from tools.train_stand_ins.train import SEED, perplexity, phases, train, unigram_perplexity

_BUNDLED = Path("export/demo/checkpoint")


def main() -> None:
    """Parses the command line and trains."""
    parser = argparse.ArgumentParser(prog="python -m tools.train_stand_ins", description=__doc__)
    parser.add_argument(
        "families", nargs="*", default=[*STAND_INS], metavar="FAMILY", help=", ".join(STAND_INS)
    )
    parser.add_argument("--text", type=Path, required=True, help="output of `bible -l100000 gen1:1-rev22:21`")
    parser.add_argument("--out", type=Path, default=Path("tests/data/stand_ins"))
    parser.add_argument("--float-steps", type=int, default=600)
    parser.add_argument("--grid-steps", type=int, default=250)
    arguments = parser.parse_args()
    if unknown := set(arguments.families) - set(STAND_INS):
        parser.error(f"no family {', '.join(sorted(unknown))}; there are {', '.join(STAND_INS)}")
    torch.set_num_threads(1)
    corpus = read_corpus(arguments.text.read_text())
    tokenizer = Tokenizer.from_file(str(_BUNDLED / "tokenizer.json"))
    held_out = evaluation_rows(join(corpus.held_out), tokenizer, row_length=256)
    vocab_size = tokenizer.get_vocab_size()
    learnt = evaluation_rows(join(corpus.train), tokenizer, row_length=256)
    print(
        f"held-out perplexity of unigrams {unigram_perplexity(learnt, held_out, vocab_size):.1f}", flush=True
    )
    bundled = open_checkpoint(_BUNDLED)
    table = dequantize(
        *(bundled.tensor(f"model.embed_tokens.{part}") for part in ("qweight", "weight_scale"))
    )
    for family in arguments.families:
        stand_in = STAND_INS[family]
        model = stand_in.build(
            vocab_size=vocab_size,
            bos_id=special_id(tokenizer, BOS),
            eos_ids=[special_id(tokenizer, EOS), special_id(tokenizer, EOT)],
            seed=SEED,
        )
        begin_with_table(model, table)
        grid = GridModel(model, stand_in.group_size)
        plan = phases(arguments.float_steps, arguments.grid_steps)
        train(
            grid, corpus, tokenizer, plan, log=lambda line, name=family: print(f"{name}: {line}", flush=True)
        )
        print(f"{family}: held-out perplexity {perplexity(grid, held_out):.2f}", flush=True)
        write_checkpoint(grid, _BUNDLED, arguments.out / family)


if __name__ == "__main__":
    main()
