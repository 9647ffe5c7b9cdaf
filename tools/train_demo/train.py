"""The training loop: float first, then quantisation-aware, with bias-balanced experts throughout."""

import time
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor

from tools.train_demo.corpus import Corpus, join
from tools.train_demo.data import RowSource, evaluation_rows
from tools.train_demo.evaluate import load_spread, mean_loss, sample
from tools.train_demo.model import TrainableDecoder
from tools.train_demo.schedule import Phase, Schedule
from tools.train_demo.shape import ModelShape

# bias step per optimiser step at the highest learning rate; twice the rate of arXiv 2408.15664, for a short run
_BALANCE_RATE = 2e-3
_SAMPLE_PROMPT = "And it came to pass in those days, that"


def train(
    shape: ModelShape,
    schedule: Schedule,
    corpus: Corpus,
    tokenizer: Tokenizer,
    *,
    save: Callable[[TrainableDecoder], None],
    log: Callable[[str], None],
) -> TrainableDecoder:
    """Runs both phases and returns the quantisation-aware model; `save` is called at every validation."""
    torch.manual_seed(schedule.seed)
    model = TrainableDecoder(shape, dropout=schedule.dropout)
    log(f"{sum(parameter.numel() for parameter in model.parameters()):,} parameters")
    for number, phase in enumerate(schedule.phases()):
        source = RowSource(corpus.train, tokenizer, row_length=phase.row_length, seed=schedule.seed + number)
        log(f"{phase.name}: {phase.steps} steps, {source.tokens_per_epoch:,} tokens an epoch")
        if phase.quantized:
            model.start_quantization()
        _Run(model, schedule, phase, tokenizer, log=log, save=save).steps(
            source.batches(phase.rows),
            validation=evaluation_rows(join(corpus.validation), tokenizer, row_length=256),
            warmup=0 if phase.quantized else schedule.warmup,
        )
    return model


class _Run:
    """One phase: its optimiser and its reports."""

    def __init__(
        self,
        model: TrainableDecoder,
        schedule: Schedule,
        phase: Phase,
        tokenizer: Tokenizer,
        *,
        log: Callable[[str], None],
        save: Callable[[TrainableDecoder], None],
    ) -> None:
        self._model = model
        self._schedule = schedule
        self._phase = phase
        self._tokenizer = tokenizer
        self._log = log
        self._save = save
        matrices = [p for name, p in model.named_parameters() if name.endswith("values")]
        others = [p for name, p in model.named_parameters() if not name.endswith("values")]
        groups = [
            {"params": matrices, "weight_decay": schedule.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self._optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=True)

    def steps(self, batches: Iterator[Tensor], *, validation: Tensor, warmup: int) -> None:
        began = time.monotonic()
        running = 0.0
        for step in range(self._phase.steps):
            batch = next(batches)
            running += self._step(batch, self._phase.rate(step, warmup=warmup))
            peak = self._schedule.phases()[0].start
            for router in self._model.routers():
                router.balance(_BALANCE_RATE * self._phase.rate(step) / peak)
            if (step + 1) % self._schedule.report_every == 0:
                seconds = time.monotonic() - began
                speed = (step + 1) * self._phase.rows * self._phase.row_length / seconds
                loss = running / self._schedule.report_every
                self._log(
                    f"{self._phase.name} {step + 1:5d}  loss {loss:.4f}  {seconds:6.0f} s  {speed:.0f} tok/s"
                )
                running = 0.0
            if (step + 1) % self._schedule.validate_every == 0 or step + 1 == self._phase.steps:
                self._report(validation)

    def _step(self, batch: Tensor, rate: float) -> float:
        self._model.train()
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        logits = self._model(batch[:, :-1]).flatten(0, 1).float()
        loss = F.cross_entropy(logits, batch[:, 1:].flatten())
        self._optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), self._schedule.gradient_norm)
        self._optimizer.step()
        return loss.item()

    def _report(self, validation: Tensor) -> None:
        self._save(self._model)
        loss = mean_loss(self._model, validation)
        spread = "  ".join(f"{low:.2f}-{high:.2f}" for low, high in load_spread(self._model, validation))
        self._log(f"{self._phase.name}  validation loss {loss:.4f}  expert loads / mean: {spread}")
        self._log("  " + repr(sample(self._model, self._tokenizer, _SAMPLE_PROMPT, seed=1)))
