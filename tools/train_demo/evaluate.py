"""What a run is judged by: the loss on unseen text, how evenly experts are used, and how the model writes."""

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor

from tools.train_demo.model import TrainableDecoder
from tools.train_demo.tokenizer import EOS, EOT, special_id


@torch.no_grad()
def mean_loss(model: TrainableDecoder, rows: Tensor) -> float:
    """Mean negative log likelihood in nats per token of ``[R, T + 1]`` rows; the first token is only context."""
    model.eval()
    total = sum(
        F.cross_entropy(model(row[None, :-1])[0].float(), row[1:], reduction="sum").item() for row in rows
    )
    return total / (rows.shape[0] * (rows.shape[1] - 1))


@torch.no_grad()
def load_spread(model: TrainableDecoder, rows: Tensor) -> list[tuple[float, float]]:
    """Per layer, the least and the most used expert's share of the rows' tokens, relative to an equal share."""
    model.eval()
    for router in model.routers():
        router.load.zero_()
    model(rows[:, :-1])
    spread = [
        ((router.load.min() / router.load.mean()).item(), (router.load.max() / router.load.mean()).item())
        for router in model.routers()
    ]
    for router in model.routers():
        router.load.zero_()
    return spread


@torch.no_grad()
def sample(
    model: TrainableDecoder,
    tokenizer: Tokenizer,
    prompt: str,
    *,
    seed: int,
    temperature: float = 0.7,
    new_tokens: int = 80,
    add_bos: bool = True,
) -> str:
    """Continues a prompt by sampling, up to `new_tokens` or a stop token; returns the new text only."""
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    stops = {special_id(tokenizer, EOS), special_id(tokenizer, EOT)}
    ids: list[int] = tokenizer.encode(prompt, add_special_tokens=add_bos).ids
    start = len(ids)
    for _ in range(new_tokens):
        logits = model(torch.tensor([ids]))[0, -1].float()
        token = int(torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator))
        if token in stops:
            break
        ids.append(token)
    text: str = tokenizer.decode(ids[start:], skip_special_tokens=False)
    return text
