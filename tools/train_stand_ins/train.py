"""The training loop: float first, then on the int4 grid, the learning rate falling throughout."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor

from tools.train_demo.corpus import Corpus, join
from tools.train_demo.data import RowSource, evaluation_rows
from tools.train_demo.schedule import Phase
from tools.train_stand_ins.balance import Balance
from tools.train_stand_ins.grid import GridModel

SEED = 20261
_WARMUP = 50
_REPORT_EVERY = 100


def phases(float_steps: int, grid_steps: int) -> tuple[Phase, Phase]:
    """Short rows first, then rows of the full context."""
    return (
        Phase("float", float_steps, 8, 128, 4e-3, 1.5e-3, quantized=False),
        Phase("grid", grid_steps, 4, 256, 1.5e-3, 1e-5, quantized=True),
    )


def train(
    grid: GridModel,
    corpus: Corpus,
    tokenizer: Tokenizer,
    plan: tuple[Phase, ...],
    *,
    log: Callable[[str], None],
) -> None:
    """Runs the phases; the model is changed in place."""
    balance = Balance(grid.model)
    log(f"{sum(parameter.numel() for parameter in grid.model.parameters()):,} parameters")
    validation = evaluation_rows(join(corpus.validation), tokenizer, row_length=256)
    began = time.monotonic()
    for number, phase in enumerate(plan):
        if phase.quantized:
            grid.start_quantization()
        source = RowSource(corpus.train, tokenizer, row_length=phase.row_length, seed=SEED + number)
        batches = source.batches(phase.rows)
        optimizer = _optimizer(grid)
        total = 0.0
        for step in range(phase.steps):
            rate = phase.rate(step, warmup=0 if phase.quantized else _WARMUP)
            total += _step(grid, next(batches), optimizer, balance, rate)
            balance.step(rate / plan[0].start)
            if (step + 1) % _REPORT_EVERY == 0:
                seconds = time.monotonic() - began
                log(f"{phase.name} {step + 1:5d}  loss {total / _REPORT_EVERY:.4f}  {seconds:5.0f} s")
                total = 0.0
        log(f"{phase.name}  validation perplexity {perplexity(grid, validation):.2f}")


@torch.no_grad()
def perplexity(grid: GridModel, rows: Tensor) -> float:
    """Of int64 ``[R, T + 1]``; the first token is only context."""
    grid.model.eval()
    losses = [F.cross_entropy(grid(row[None, :-1]).logits[0], row[1:]).item() for row in rows]
    return math.exp(sum(losses) / len(losses))


def unigram_perplexity(train_rows: Tensor, rows: Tensor, vocab_size: int) -> float:
    """What a model reaches that knows only how often each token is, with one added to every count."""
    counts = torch.bincount(train_rows.flatten(), minlength=vocab_size).double() + 1
    return float(torch.exp(-(counts / counts.sum()).log()[rows[:, 1:]].mean()))


def _optimizer(grid: GridModel) -> torch.optim.Optimizer:
    matrices = list(grid.matrices.values())
    decayed = {id(matrix) for matrix in matrices}
    others = [parameter for parameter in grid.model.parameters() if id(parameter) not in decayed]
    groups = [
        {"params": matrices, "weight_decay": 0.1},
        {"params": [*others, *grid.log_scales.values()], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=True)


def _step(
    grid: GridModel, batch: Tensor, optimizer: torch.optim.Optimizer, balance: Balance, rate: float
) -> float:
    grid.model.train()
    for group in optimizer.param_groups:
        group["lr"] = rate
    output = grid(batch[:, :-1], **balance.options)
    loss = F.cross_entropy(output.logits.flatten(0, 1).float(), batch[:, 1:].flatten())
    optimizer.zero_grad()
    (loss + balance.loss(output)).backward()
    torch.nn.utils.clip_grad_norm_(
        [parameter for group in optimizer.param_groups for parameter in group["params"]], 1.0
    )
    optimizer.step()
    return loss.item()
