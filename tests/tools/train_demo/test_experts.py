"""The sorted, padded dispatch against computing every expert on every token."""

import torch
import torch.nn.functional as F

from tools.train_demo.experts import RoutedExperts, Router
from tools.train_demo.shape import ModelShape

_SHAPE = ModelShape(hidden_size=32, intermediate_size=32, num_local_experts=7, num_experts_per_tok=3)


def _gradients(
    output: torch.Tensor, upstream: torch.Tensor, inputs: list[torch.Tensor]
) -> list[torch.Tensor]:
    return list(torch.autograd.grad((output * upstream).sum(), inputs))


def test_outputs_and_gradients_match_a_dense_computation() -> None:
    torch.manual_seed(0)
    experts = RoutedExperts(_SHAPE, deviation=0.2)
    x = torch.randn(150, 32, requires_grad=True)
    upstream = torch.randn(150, 32)
    inputs = [x, *experts.parameters()]
    sparse = experts(x, x, int8=False)

    chosen, weights = experts.router(x)
    gate, up = torch.einsum("nh,eho->neo", x, experts.gate_up.values).chunk(2, dim=-1)
    every = torch.einsum("nef,efh->neh", F.silu(gate) * up, experts.down.values)
    dense = (every.gather(1, chosen[..., None].expand(-1, -1, 32)) * weights[..., None]).sum(1)

    torch.testing.assert_close(sparse, dense)
    for ours, reference in zip(
        _gradients(sparse, upstream, inputs), _gradients(dense, upstream, inputs), strict=True
    ):
        torch.testing.assert_close(ours, reference, rtol=1e-4, atol=1e-5)


def test_the_bias_selects_but_does_not_weigh() -> None:
    torch.manual_seed(1)
    router = Router(_SHAPE)
    router.bias[4] = 10.0
    x = torch.randn(20, 32)
    chosen, weights = router(x)
    scores = torch.sigmoid(x @ router.weight.T).gather(-1, chosen)
    assert (chosen == 4).any(-1).all()
    torch.testing.assert_close(weights, scores / scores.sum(-1, keepdim=True) * _SHAPE.routed_scaling_factor)


def test_balancing_evens_out_the_loads() -> None:
    torch.manual_seed(2)
    router = Router(_SHAPE)
    x = torch.randn(2000, 32) + 1.0
    router(x)
    before = router.load / router.load.mean()
    for _ in range(300):
        router.balance(2e-3)
        router(x)
    after = router.load / router.load.mean()
    assert before.max() > 1.3
    assert after.max() < 1.1
    assert after.min() > 0.9
