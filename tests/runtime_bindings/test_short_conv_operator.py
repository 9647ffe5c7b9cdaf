"""The short convolution inside ExecuTorch: the bits of its eager twin, and errors instead of aborts."""

import numpy as np
import pytest
import torch

from mmoe.backends.xnnpack import ops
from tests.runtime_bindings.test_linear_operators import activations
from tests.runtime_bindings.test_operators import INVALID_ARGUMENT, compile_call

CONTEXT, CHANNELS = 64, 48


def operator(rng, *, tokens, rows, biased=True, taps=3, position=0, **changes):
    arguments = {
        "projected": activations(rng, 1, tokens, 3 * CHANNELS),
        "weight": activations(rng, taps, CHANNELS),
        "bias": activations(rng, CHANNELS) if biased else None,
        "input_pos": torch.tensor([position]),
        "cache": torch.zeros(rows, CHANNELS),
    } | changes
    return arguments, compile_call(
        torch.ops.mmoe.short_conv.default, *arguments.values(), CONTEXT, variable=(0, 3), dynamic=(0,)
    )


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("taps", [1, 3, 4])
def test_calls_of_any_length_give_the_twins_bits(taps, biased):
    rng = np.random.default_rng(taps)
    arguments, run = operator(rng, tokens=16, rows=19, taps=taps, biased=biased)
    cache = arguments["cache"].clone()
    # Past the end of the ring, from the start anew over what it holds, and back by a few tokens.
    for position, tokens in ((0, 5), (5, 1), (6, 16), (22, 2), (24, 16), (0, 1), (1, 3), (2, 7), (9, 0)):
        projected, start = activations(rng, 1, tokens, 3 * CHANNELS), torch.tensor([position])
        expected = ops.short_conv(
            projected, arguments["weight"], arguments["bias"], start, cache, max_context_len=CONTEXT
        )
        assert torch.equal(run(projected, start), expected)


@pytest.mark.parametrize("position", [-1, CONTEXT - 3, 2**62])
def test_positions_outside_the_context_are_refused(position):
    _, run = operator(np.random.default_rng(0), tokens=4, rows=CONTEXT)
    projected = torch.zeros(1, 4, 3 * CHANNELS)
    run(projected, torch.tensor([CONTEXT - 4]))
    with pytest.raises(RuntimeError, match=INVALID_ARGUMENT):
        run(projected, torch.tensor([position]))


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": 5, "position": 2},  # 4 tokens and the two before them need 6
        {"rows": 8, "projected": torch.zeros(1, 4, 2 * CHANNELS)},
        {"rows": 8, "bias": torch.zeros(CHANNELS + 1)},
        {"rows": 8, "cache": torch.zeros(8, CHANNELS + 1)},
        {"rows": 8, "cache": torch.zeros(0, CHANNELS)},
    ],
)
def test_what_does_not_fit_is_refused(changes):
    rng = np.random.default_rng(1)
    arguments, run = operator(rng, tokens=4, **changes)
    with pytest.raises(RuntimeError, match=INVALID_ARGUMENT):
        run(torch.zeros_like(arguments["projected"]), arguments["input_pos"])
