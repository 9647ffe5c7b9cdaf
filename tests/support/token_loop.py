"""Generation in the plainest way: one token at a time, chosen outside of the session, from a copy of the logits."""

from collections.abc import Collection, Sequence

from mmoe.runtime_bindings.python.runner import ModelRunner
from mmoe.runtime_bindings.python.sampling import Sampler, SamplingConfig


def generated_ids(
    runner: ModelRunner,
    prompt_ids: Sequence[int],
    count: int,
    *,
    sampling: SamplingConfig | None = None,
    stop_ids: Collection[int] = (),
) -> list[int]:
    """What follows a prompt, the stop token left out.

    Args:
        runner: Runs the program; its context starts afresh.
        prompt_ids: The prompt.
        count: Tokens at most.
        sampling: None takes the largest logit, by NumPy.
        stop_ids: What ends the text.
    """
    sampler = None if sampling is None else Sampler(sampling)
    runner.reset()
    logits = runner.prefill(prompt_ids)
    ids: list[int] = []
    while len(ids) < count:
        if ids:
            logits = runner.decode(ids[-1])
        seen = [*prompt_ids, *ids]
        token = int(logits.argmax()) if sampler is None else sampler.sample(logits, seen=seen, text=ids)
        if token in stop_ids:
            break
        ids.append(token)
    return ids
