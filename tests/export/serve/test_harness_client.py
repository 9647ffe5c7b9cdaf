"""The server through lm-evaluation-harness's own client: the figures of the library itself."""

from __future__ import annotations

import pytest
from lm_eval.api.instance import Instance
from lm_eval.models.openai_completions import LocalCompletionsAPI

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.evaluation.harness_model import HarnessModel
from mmoe.export.evaluation.runtime_predictor import RuntimePredictor
from mmoe.runtime_bindings.python.model import Model

pytestmark = pytest.mark.slow


CONTEXTS = (
    "In the beginning God created",
    "And it came to pass in those days, that",
    "",
    "The LORD is my shepherd; " * 40,
)
ENDS = (" the heaven and the earth.", " man", " he went up to Jerusalem", "\n")


def instances(kind: str, arguments: list[tuple[object, ...]]) -> list[Instance]:
    return [
        Instance(request_type=kind, doc={}, arguments=each, idx=place, metadata=("task", place, 1))
        for place, each in enumerate(arguments)
    ]


@pytest.mark.parametrize(("batch", "concurrent"), [(1, 1), (3, 4)])
def test_local_completions(
    address: str, model: Model, demo_artifact: Artifact, batch: int, concurrent: int
) -> None:
    client = LocalCompletionsAPI(
        base_url=f"{address}/v1/completions",
        model="demo",
        tokenizer=str(demo_artifact.folder),
        tokenizer_backend="huggingface",
        add_bos_token=True,
        batch_size=batch,
        num_concurrent=concurrent,
        max_length=model.info.max_context_len,
        max_retries=1,
    )
    runtime = demo_artifact.manifest.runtime
    asked = instances("loglikelihood", [(context, end) for context in CONTEXTS for end in ENDS])
    answers = instances(
        "generate_until", [(each, {"until": [".", "\n"], "max_gen_toks": 9}) for each in CONTEXTS[:2]]
    )
    with RuntimePredictor(model) as predictor:
        own = HarnessModel(predictor, model, name="own", bos_id=runtime.bos_id, stop_ids=runtime.stop_ids)
        expected, texts = own.loglikelihood(asked), own.generate_until(answers)
    found = client.loglikelihood(asked, disable_tqdm=True)
    assert [each for each, _ in found] == pytest.approx([each for each, _ in expected], abs=1e-6)
    assert [is_greedy for _, is_greedy in found] == [is_greedy for _, is_greedy in expected]
    assert client.generate_until(answers, disable_tqdm=True) == texts
