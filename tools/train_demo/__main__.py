"""Command line: `train` writes a run's weights to a folder, `pack` turns them into the bundled checkpoint."""

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from tools.train_demo.corpus import join, read_corpus
from tools.train_demo.model import TrainableDecoder
from tools.train_demo.pack import write_checkpoint
from tools.train_demo.schedule import Schedule
from tools.train_demo.shape import ModelShape
from tools.train_demo.tokenizer import train_tokenizer
from tools.train_demo.train import train


def main() -> None:
    """Parses the command line and runs one of the two commands."""
    parser = argparse.ArgumentParser(prog="python -m tools.train_demo", description=__doc__)
    parser.add_argument("command", choices=["train", "pack"])
    parser.add_argument("--text", type=Path, required=True, help="output of `bible -l100000 gen1:1-rev22:21`")
    parser.add_argument("--run", type=Path, required=True, help="file of the run's weights, .safetensors")
    parser.add_argument("--out", type=Path, help="pack: folder that receives checkpoint/ and held_out.txt")
    parser.add_argument("--float-steps", type=int, default=Schedule.float_steps)
    parser.add_argument("--qat-steps", type=int, default=Schedule.qat_steps)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    shape = ModelShape()
    corpus = read_corpus(arguments.text.read_text())
    tokenizer = train_tokenizer([chapter.text for chapter in corpus.train], vocab_size=shape.vocab_size)
    if arguments.command == "train":
        arguments.run.parent.mkdir(parents=True, exist_ok=True)
        schedule = Schedule(float_steps=arguments.float_steps, qat_steps=arguments.qat_steps)
        train(
            shape,
            schedule,
            corpus,
            tokenizer,
            save=lambda model: save_file(model.state_dict(), arguments.run),
            log=lambda line: print(line, flush=True),
        )
    elif arguments.out is None:
        parser.error("pack needs --out")
    else:
        write_checkpoint(_load(shape, arguments.run), tokenizer, arguments.out / "checkpoint")
        (arguments.out / "held_out.txt").write_text(join(corpus.held_out))


def _load(shape: ModelShape, run: Path) -> TrainableDecoder:
    """The model of a run; one that was cut short in its float phase is quantised as it is."""
    state = load_file(run)
    model = TrainableDecoder(shape, dropout=0.0)
    model.start_quantization()
    quantized = any(name.endswith("log_scale") for name in state)
    if not quantized:
        model = TrainableDecoder(shape, dropout=0.0)
    model.load_state_dict(state)
    return model


if __name__ == "__main__":
    main()
