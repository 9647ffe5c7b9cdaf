"""A context of one conversation, with the words of `core/mmoe.h`."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from ctypes import POINTER, byref, c_float, c_int64, c_size_t, c_uint64, string_at
from typing import TYPE_CHECKING, Any

from mmoe.runtime_bindings.python.core import (
    CoreFailure,
    Handle,
    SpeculationStruct,
    StatsStruct,
    Status,
    StepStruct,
    TokenLogprobStruct,
    Uncopied,
    call,
    id_array,
    initialised,
    path_bytes,
)
from mmoe.runtime_bindings.python.grammar import Grammar, JsonSchema
from mmoe.runtime_bindings.python.limits import Limits
from mmoe.runtime_bindings.python.records import FinishReason, Stats, Step, TokenLogprob, values_of
from mmoe.runtime_bindings.python.sampling import SamplingConfig, bias_array
from mmoe.runtime_bindings.python.stream import Stream

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from mmoe.runtime_bindings.python.model import Model

_FINISH_REASONS = (
    None,
    FinishReason.STOP_TOKEN,
    FinishReason.CONTEXT_FULL,
    FinishReason.STOP_STRING,
    FinishReason.LENGTH,
)


class Session(Uncopied):
    """A KV cache of a model and what chooses its tokens; close it, or use it as a context manager.

    It does one thing at a time: a call while another thread is inside is refused as busy, but for `cancel` and
    `close`, which end the running one.

    Attributes:
        model: Whose context it is.
    """

    def __init__(self, model: Model, sampling: SamplingConfig | None = None) -> None:
        """Opens a session.

        Args:
            model: An open model.
            sampling: How to choose tokens; the artifact's own if None.

        Raises:
            CoreFailure: The model is closed, or there is no memory for the cache.
        """
        self.model = model  # the session must not outlive it
        self._handle = Handle()
        # Weakly, for a stream keeps its session: the two of `Model.generate` end with the last reference to the text.
        self._stream: weakref.ReferenceType[Stream] | None = None
        self._vocab_size = model.info.vocab_size
        chosen = None if sampling is None else byref(sampling.structure)
        call("session_open", model.handle, chosen, byref(self._handle))

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) and self.model.handle:
            self.close()

    def close(self) -> None:
        """Ends what runs and frees the context; a second time does nothing."""
        if self._handle:
            handle, self._handle = self._handle, Handle()
            if self.model.handle:
                call("session_close", handle)

    @property
    def handle(self) -> Any:
        """What the library calls the session; 0 when it is closed."""
        return self._handle

    def set_sampling(self, sampling: SamplingConfig) -> None:
        """Replaces the sampling and restarts its random numbers from the seed."""
        call("session_set_sampling", self._handle, byref(sampling.structure))

    def set_logit_bias(self, bias: Mapping[int, float]) -> None:
        """What is added to logits before all else of the sampling, until it is replaced; -inf excludes a token.

        Raises:
            CoreFailure: An id is outside the vocabulary, or a value is NaN or +inf.
        """
        call("session_set_logit_bias", self._handle, bias_array(bias), len(bias))

    def logprobs(self, top: int = 0) -> tuple[TokenLogprob, list[TokenLogprob]]:
        """What the model itself thought of the token that `next` chose, before bias, penalties and temperature.

        Args:
            top: How many of the most probable tokens to tell, too.

        Returns:
            The chosen token, and the `top` most probable ones, ties by id.

        Raises:
            CoreFailure: No token was chosen since something was run, or `top` is more than the vocabulary.
        """
        chosen, best = TokenLogprobStruct(), (TokenLogprobStruct * top)()
        call("session_logprobs", self._handle, byref(chosen), best, top)
        return TokenLogprob(chosen.id, chosen.logprob), [TokenLogprob(each.id, each.logprob) for each in best]

    def prompt(self, ids: Sequence[int]) -> None:
        """Makes the context exactly these ids; what it holds of them already, from the front, is not run again.

        Raises:
            CoreFailure: No ids, one outside the vocabulary, more than the context holds; or the call was cancelled.
        """
        array = id_array(ids)
        call("session_prompt", self._handle, array, len(array), None)

    def prefill(self, ids: Sequence[int]) -> None:
        """Appends tokens to the context, in chunks of the model's `max_seq_len`; otherwise as `prompt`."""
        array = id_array(ids)
        call("session_prefill", self._handle, array, len(array), None)

    def next(self) -> Step:
        """Runs the token chosen last, if there is one, and chooses the next, which is not in the context yet.

        Raises:
            CoreFailure: Nothing was run before, or the call was cancelled.
        """
        step = StepStruct()
        call("session_next", self._handle, byref(step))
        text = string_at(step.text, step.text_bytes).decode()
        return Step(step.id, text, _FINISH_REASONS[step.finish])

    def set_limits(self, limits: Limits) -> None:
        """Limits the text that follows; `prompt`, `prefill`, `truncate` and `reset` begin one without limits.

        Tokens are counted from here, and a text that ended by its length goes on.
        """
        call("session_set_limits", self._handle, byref(limits.structure))

    def set_grammar(self, *, json_schema: JsonSchema | None = None, grammar: str | None = None) -> None:
        """Restricts the text that follows; without arguments it is any again.

        `prompt`, `prefill`, `truncate` and `reset` begin a text without a grammar. Where it allows nothing more, `next`
        ends the text with `FinishReason.STOP_TOKEN`.

        Args:
            json_schema: A schema that the text must satisfy as JSON: its text, or what `json.loads` gives for it.
            grammar: A grammar in llama.cpp's GBNF that the text must be of; not beside `json_schema`.

        Raises:
            OptionError: Both are there, or the schema cannot be written as JSON.
            CoreFailure: It is no schema or no grammar, or one that the library cannot follow; the message says where.
        """
        call("session_set_grammar", self._handle, *Grammar.of(json_schema, grammar).arguments)

    def hide_tool_calls(self, on: bool = True) -> None:
        """Leaves calls of tools out of the text of the steps that follow, or shows all again.

        From where a call may begin text is held back until it cannot be one. What is shown is the ``content`` that
        `Model.tool_calls` finds in the whole text. `prompt`, `prefill`, `truncate` and `reset` begin a text that shows
        all.
        """
        call("session_hide_tool_calls", self._handle, on)

    def set_speculation(self, max_draft_tokens: int | None = None, document: Sequence[int] = ()) -> None:
        """Guesses what follows from what was said before, and runs the guess together with a token.

        Tokens, logits and log-probabilities are those of plain decoding. Texts that repeat the context, or the
        document, come faster; others take at most a fiftieth longer.

        Args:
            max_draft_tokens: Tokens that one call judges at most; 0 for plain decoding, None for all that the program
                can judge.
            document: Ids that drafts are taken from beside the context: a text that is to be quoted or edited.

        Raises:
            CoreFailure: The artifact was converted without, the number is outside its range, or an id is outside the
                vocabulary.
        """
        most = -1 if max_draft_tokens is None else int(max_draft_tokens)
        ids = id_array(document)
        chosen = initialised(SpeculationStruct, max_draft_tokens=most, document=ids, document_count=len(ids))
        call("session_set_speculation", self._handle, byref(chosen))

    def flush(self) -> str:
        """Text that was held back because a stop string may begin with it, for a caller that stops here."""
        step = StepStruct()
        call("session_flush", self._handle, byref(step))
        return string_at(step.text, step.text_bytes).decode()

    def commit(self) -> None:
        """Puts the token chosen last into the context, as the next step would."""
        call("session_commit", self._handle)

    def decode(self, token_id: int) -> None:
        """Appends one given token and leaves its `logits`: decoding under the caller's control."""
        (value,) = id_array((token_id,))
        call("session_decode", self._handle, value)

    def logits(self) -> npt.NDArray[np.float32]:
        """Logits of the last token run, float32 ``[V]``; a copy.

        Raises:
            CoreFailure: Nothing was run since the context began or was cut.
        """
        import numpy as np

        found = np.empty(self._vocab_size, np.float32)
        call("session_logits", self._handle, found.ctypes.data_as(POINTER(c_float)), len(found))
        return found

    @property
    def position(self) -> int:
        """Tokens in the context."""
        found = c_int64()
        call("session_position", self._handle, byref(found))
        return found.value

    def truncate(self, position: int) -> None:
        """Keeps the first `position` tokens of the context; costs nothing.

        Raises:
            CoreFailure: The context is shorter, or a layer with a window has lost what would be needed.
        """
        call("session_truncate", self._handle, int(position))

    def reset(self) -> None:
        """Empties the context; statistics, random numbers and a pending cancel start afresh."""
        call("session_reset", self._handle)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the context, the sampling with its random numbers, and the text where it is, to a file.

        So a text within a grammar goes on within it. A file that is there is replaced only by a whole one. Statistics
        are not in it.

        Raises:
            CoreFailure: The file cannot be written, or a backend keeps the caches to itself.
        """
        call("session_save", self._handle, path_bytes(path))

    def restore(self, path: str | os.PathLike[str]) -> None:
        """Makes the session the one that was saved: it goes on with the same tokens and text, bit for bit.

        Any session of a model with the same program can take it, as often as wanted, so that one long prompt is run
        once for many conversations.

        Raises:
            CoreFailure: The file is cut, altered, no snapshot, or of another program; the session is what it was.
        """
        call("session_restore", self._handle, path_bytes(path))

    def cancel(self) -> None:
        """Ends the running call, or the next one if none runs; from any thread."""
        call("session_cancel", self._handle)

    def clear_cancel(self) -> None:
        """Drops a cancel that no call has met yet."""
        call("session_clear_cancel", self._handle)

    def count_experts(self, on: bool = True) -> None:
        """Begins to count which experts the tokens that the session runs are sent to, or ends it."""
        call("session_count_experts", self._handle, on)

    def expert_counts(self) -> list[list[int]]:
        """How often each expert of each MoE layer was chosen since `count_experts`, layers in the order they run.

        A chunk of a prompt sends only its last token through the last layer; tokens that speculative decoding guessed
        count whether they were right or not. Empty without a count, before anything was run, and for a program whose
        experts are not this library's.
        """
        layers, experts = c_size_t(), c_size_t()
        values = (c_uint64 * 0)()
        while True:
            try:
                call(
                    "session_expert_counts", self._handle, values, len(values), byref(layers), byref(experts)
                )
                break
            except CoreFailure as failure:
                if failure.status is not Status.BUFFER_TOO_SMALL:
                    raise
                values = (c_uint64 * (layers.value * experts.value))()
        width = experts.value
        return [list(values[layer * width : (layer + 1) * width]) for layer in range(layers.value)]

    @property
    def stats(self) -> Stats:
        """Counts and times since the last `prompt` or `prefill`."""
        found = initialised(StatsStruct)
        call("session_stats", self._handle, byref(found))
        return Stats(**values_of(found, Stats))

    def generate(
        self,
        prompt: str | Sequence[int] | None = None,
        *,
        max_new_tokens: int | None = None,
        min_new_tokens: int = 0,
        stop: str | Sequence[str] = (),
        json_schema: JsonSchema | None = None,
        grammar: str | None = None,
    ) -> Stream:
        """Streams what follows a prompt; nothing runs until the first piece is asked for.

        The stream before it, if it is not at its end, ends as cancelled.

        Args:
            prompt: A text or ids, which become the context as `prompt` does it; None goes on from the context.
            max_new_tokens: Tokens at most; None goes on until the text ends or the context is full.
            min_new_tokens: Until there are so many, no stop token is chosen and no stop string looked for.
            stop: Strings that the text ends before, or one.
            json_schema: A schema that the text must satisfy as JSON: its text, or what `json.loads` gives for it.
            grammar: A grammar in llama.cpp's GBNF that the text must be of; not beside `json_schema`.

        Raises:
            OptionError: A number is negative, a stop string is empty, or both `json_schema` and `grammar` are there.
            CoreFailure: While iterating, if the prompt does not fit, the schema or grammar cannot be followed, or the
                program fails.
        """
        ids = self.model.tokenize(prompt) if isinstance(prompt, str) else prompt
        limits = Limits.of(stop, min_new_tokens, max_new_tokens)
        restricted = Grammar.of(json_schema, grammar)
        return self.stream(None if ids is None else list(id_array(ids)), limits, restricted)

    def stream(
        self,
        prompt_ids: list[int] | None,
        limits: Limits,
        grammar: Grammar,
        on_finish: Callable[[Stream], None] | None = None,
        *,
        hide_tool_calls: bool = False,
    ) -> Stream:
        """As `generate`, and tells when the text has ended by itself; see `Stream`."""
        previous = None if self._stream is None else self._stream()
        if previous is not None:
            previous.supersede()
        stream = Stream(self, prompt_ids, limits, grammar, on_finish, hide_tool_calls=hide_tool_calls)
        self._stream = weakref.ref(stream)
        return stream
