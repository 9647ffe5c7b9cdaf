"""Reads the scenarios and performs their calls by the Python API; README.md describes the format."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import mmoe
from mmoe.runtime_bindings.python.chat import WhenFull
from mmoe.runtime_bindings.python.conversation import Turn
from mmoe.runtime_bindings.python.core import CoreFailure
from mmoe.runtime_bindings.python.errors import OptionError
from mmoe.runtime_bindings.python.limits import Limits
from mmoe.runtime_bindings.python.records import Message
from mmoe.runtime_bindings.python.stream import Stream

Call = Mapping[str, Any]
Result = dict[str, Any]

FILES = tuple(sorted(Path(__file__).parent.glob("*.json")))
CONVERSATIONS = Path(__file__).parent / "conversations"


def read_scenarios(path: Path) -> list[dict[str, Any]]:
    """The scenarios of one file."""
    scenarios: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return scenarios


def folder_of(scenario: Mapping[str, Any], artifact: Path, variants: Path) -> Path:
    """The artifact of a scenario: the bundled one, or one of those that `variants.py` writes."""
    return variants / scenario["artifact"] if "artifact" in scenario else artifact


def conversation_file(call: Call) -> Path:
    """What a `chat_json` is given."""
    return CONVERSATIONS / f"{call['conversation']}.json"


def perform(folder: Path, scenario: Mapping[str, Any]) -> list[Result]:
    """What each call of a scenario gives, in their order; the model is opened for it and closed again."""
    with mmoe.load(folder) as model:
        sampling = _sampling(scenario["sampling"]) if "sampling" in scenario else None
        caller: _Caller
        if "chat" in scenario:
            caller = _ChatCaller(model, mmoe.Chat(model, sampling=sampling, **_chat(scenario["chat"])))
        else:
            caller = _SessionCaller(model, mmoe.Session(model, sampling))
        return [caller.result(call) for call in scenario["calls"]]


def prompt_of(call: Call) -> Any:
    """The ids or the text that a call is given, `times` over; None if it is given neither."""
    given = call.get("ids", call.get("text"))
    return None if given is None else given * call.get("times", 1)


def _sampling(values: Mapping[str, Any]) -> mmoe.SamplingConfig:
    return mmoe.SamplingConfig(**values)


def _chat(values: Mapping[str, Any]) -> dict[str, Any]:
    options = dict(values)
    if "tools" in options:
        options["tools"] = [json.loads(tool) for tool in options["tools"]]
    if "when_full" in options:
        options["when_full"] = WhenFull(options["when_full"])
    return options


def _with_calls(message: Turn) -> dict[str, Any]:
    """Role, content and, where there are calls of tools, pairs of a name and a JSON object's text."""
    if not isinstance(message, Mapping):
        return Message(*message)._asdict()
    members: dict[str, Any] = {"role": message["role"], "content": message["content"]}
    calls: Any = message.get("tool_calls")
    if calls is not None:
        functions = [call["function"] for call in calls]
        members["calls"] = [
            [function["name"], json.dumps(function["arguments"], ensure_ascii=False)]
            for function in functions
        ]
    return members


def _limits(values: Mapping[str, Any]) -> dict[str, Any]:
    names = ("stop", "min_new_tokens", "max_new_tokens")
    return {name: values[name] for name in names if name in values}


def _grammar(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: values[name] for name in ("json_schema", "grammar") if name in values}


class _Caller:
    """Calls of a model; the name of a call is that of the method."""

    def __init__(self, model: mmoe.Model) -> None:
        self._model = model

    def result(self, call: Call) -> Result:
        method: Callable[[Call], Result | None] = getattr(self, call["call"])
        try:
            return method(call) or {}
        except CoreFailure as failure:
            return {"error": failure.status.name.lower()}
        except OptionError:
            return {"error": "invalid_argument"}

    def info(self, _: Call) -> Result:
        info = self._model.info
        return {
            "vocab_size": info.vocab_size,
            "max_context_len": info.max_context_len,
            "layers": info.layers,
            "bos_id": info.bos_id,
            "has_chat": info.has_chat,
        }

    def tokenize(self, call: Call) -> Result:
        options = {name: call[name] for name in ("add_bos", "parse_special") if name in call}
        return {"ids": self._model.tokenize(call["text"], **options)}

    def detokenize(self, call: Call) -> Result:
        options = {name: call[name] for name in ("skip_special",) if name in call}
        return {"text": self._model.detokenize(call["ids"], **options)}

    def token_bytes(self, call: Call) -> Result:
        options = {name: call[name] for name in ("first",) if name in call}
        return {"bytes": list(self._model.token_bytes(call["id"], **options))}

    def chat(self, call: Call) -> Result:
        return {"ids": self._model.chat(call["messages"])}

    def chat_json(self, call: Call) -> Result:
        variables = json.loads(conversation_file(call).read_text(encoding="utf-8"))
        return {"ids": self._model.chat_json(variables, now=call["now"])}

    def chat_fit(self, call: Call) -> Result:
        variables = json.loads(conversation_file(call).read_text(encoding="utf-8"))
        ids, left_out = self._model.chat_fit(variables, call["most_ids"], now=call["now"])
        return {"ids": ids, "left_out": left_out}

    def tool_calls(self, call: Call) -> Result:
        message = _with_calls(self._model.tool_calls(call["text"]))
        return {"content": message["content"], "calls": message.get("calls", [])}

    def sampling(self, _: Call) -> Result:
        names = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "seed")
        values = {name: getattr(self._model.sampling, name) for name in names}
        values["top_k"] = values["top_k"] or 0
        return {name: int(value) if value == int(value) else value for name, value in values.items()}

    def check_grammar(self, call: Call) -> None:
        self._model.check_grammar(**_grammar(call))

    def warm_up(self, _: Call) -> Result:
        stages: list[int] = []
        self._model.warm_up(lambda progress: None if progress.done else stages.append(progress.stage))
        return {"stages": stages}

    def session_memory(self, call: Call) -> Result:
        return {"cache_bytes": self._model.session_memory(call.get("tokens")).cache_bytes}

    def close_model(self, _: Call) -> None:
        self._model.close()

    @staticmethod
    def _read(stream: Stream, call: Call) -> Result:
        """Reads a stream as far as the call says."""
        if "abandon_after" in call:
            texts = list(itertools.islice(stream, call["abandon_after"]))
            return {"ids": list(stream.ids), "text": "".join(texts)}
        if "cancel_after" in call:
            for _ in itertools.islice(stream, call["cancel_after"]):
                pass
            stream.cancel()
        for _ in stream:
            pass
        return {"ids": stream.ids, "text": stream.text, "finish_reason": stream.finish_reason}


class _SessionCaller(_Caller):
    def __init__(self, model: mmoe.Model, session: mmoe.Session) -> None:
        super().__init__(model)
        self._session = session
        self._folder = tempfile.TemporaryDirectory()

    def prompt(self, call: Call) -> None:
        self._session.prompt(prompt_of(call))

    def prefill(self, call: Call) -> None:
        self._session.prefill(prompt_of(call))

    def next(self, _: Call) -> Result:
        return self._session.next()._asdict()

    def set_limits(self, call: Call) -> None:
        limits = _limits(call)
        self._session.set_limits(Limits(**{**limits, "stop": tuple(limits.get("stop", ()))}))

    def set_grammar(self, call: Call) -> None:
        self._session.set_grammar(**_grammar(call))

    def set_speculation(self, call: Call) -> None:
        self._session.set_speculation(call.get("max_draft_tokens"), call.get("ids", ()))

    def set_logit_bias(self, call: Call) -> None:
        self._session.set_logit_bias(dict(call["bias"]))

    def logprobs(self, call: Call) -> Result:
        chosen, top = self._session.logprobs(call.get("top", 0))
        return {"chosen": chosen.id, "top": [each.id for each in top]}

    def hide_tool_calls(self, call: Call) -> None:
        self._session.hide_tool_calls(call.get("on", True))

    def count_experts(self, call: Call) -> None:
        self._session.count_experts(call.get("on", True))

    def expert_counts(self, _: Call) -> Result:
        return {"counts": self._session.expert_counts()}

    def flush(self, _: Call) -> Result:
        return {"text": self._session.flush()}

    def commit(self, _: Call) -> None:
        self._session.commit()

    def decode(self, call: Call) -> None:
        self._session.decode(call["id"])

    def logits(self, _: Call) -> Result:
        logits = self._session.logits()
        return {"count": len(logits), "argmax": int(np.argmax(logits))}

    def position(self, _: Call) -> Result:
        return {"position": self._session.position}

    def truncate(self, call: Call) -> None:
        self._session.truncate(call["position"])

    def save(self, _: Call) -> None:
        self._session.save(Path(self._folder.name) / "saved")

    def restore(self, _: Call) -> None:
        self._session.restore(Path(self._folder.name) / "saved")

    def reset(self, _: Call) -> None:
        self._session.reset()

    def cancel(self, _: Call) -> None:
        self._session.cancel()

    def clear_cancel(self, _: Call) -> None:
        self._session.clear_cancel()

    def close(self, _: Call) -> None:
        self._session.close()

    def set_sampling(self, call: Call) -> None:
        self._session.set_sampling(_sampling(call["sampling"]))

    def stats(self, _: Call) -> Result:
        stats = self._session.stats
        return {"prefill_tokens": stats.prefill_tokens, "decode_tokens": stats.decode_tokens}

    def generate(self, call: Call) -> Result:
        stream = self._session.generate(prompt_of(call), **_limits(call), **_grammar(call))
        return self._read(stream, call)


class _ChatCaller(_Caller):
    def __init__(self, model: mmoe.Model, chat: mmoe.Chat) -> None:
        super().__init__(model)
        self._chat = chat

    def send(self, call: Call) -> Result:
        said = call.get("messages") or prompt_of(call)
        self._stream = self._chat.send(said, **_limits(call), **_grammar(call))
        return self._read(self._stream, call)

    def stats(self, _: Call) -> Result:
        stats = self._stream.stats
        return {"prefill_tokens": stats.prefill_tokens, "decode_tokens": stats.decode_tokens}

    def history(self, _: Call) -> Result:
        return {"messages": [message._asdict() for message in self._chat.history]}

    def turns(self, _: Call) -> Result:
        return {"messages": [_with_calls(turn) for turn in self._chat.turns]}

    def left_out(self, _: Call) -> Result:
        return {"messages": [message._asdict() for message in self._chat.left_out]}

    def restore_turns(self, call: Call) -> None:
        self._chat.restore(call["messages"])

    def reset(self, _: Call) -> None:
        self._chat.reset()

    def close(self, _: Call) -> None:
        self._chat.close()
