"""An artifact folder, opened by libmmoe."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from ctypes import byref, c_char, c_int32, c_size_t
from pathlib import Path
from typing import Any

from mmoe.runtime_bindings.python.conversation import Turn, conversation, json_bytes
from mmoe.runtime_bindings.python.core import (
    MAX_THREADS,
    Handle,
    ModelInfoStruct,
    ModelOptionsStruct,
    SamplingStruct,
    SessionMemoryStruct,
    Uncopied,
    call,
    filled,
    id_array,
    initialised,
    path_bytes,
    utf8,
)
from mmoe.runtime_bindings.python.errors import OptionError
from mmoe.runtime_bindings.python.grammar import Grammar, JsonSchema
from mmoe.runtime_bindings.python.progress import OnProgress, progress_function
from mmoe.runtime_bindings.python.records import ModelInfo, SessionMemory, values_of
from mmoe.runtime_bindings.python.sampling import SamplingConfig
from mmoe.runtime_bindings.python.session import Session
from mmoe.runtime_bindings.python.stream import Stream


class Model(Uncopied):
    """An open artifact; close it, or use it as a context manager. Its sessions close with it.

        with Model("mobilemoe-s") as model:
            for piece in model.generate("Once upon a time", max_new_tokens=100):
                print(piece, end="", flush=True)

    Any method may be called from any thread.

    Attributes:
        folder: What was opened.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        threads: int | None = None,
        verify_checksums: bool = False,
        on_progress: OnProgress | None = None,
    ) -> None:
        """Opens the folder; the weights stay mapped from its file.

        Args:
            folder: What `convert` wrote.
            threads: Of the pool that all models of the process share, at most `MAX_THREADS`. None keeps it; the first
                model makes it as large as the machine has performance cores, if its cores differ and it tells how.
            verify_checksums: Whether to read every file and compare it with the manifest.
            on_progress: Is told how far opening is; an exception from it ends the opening and is raised.

        Raises:
            OptionError: `threads` is outside 1..`MAX_THREADS`.
            CoreFailure: The artifact cannot be opened, or other models use a pool of another size.
        """
        if threads is not None and not 1 <= threads <= MAX_THREADS:
            raise OptionError(f"threads must be from 1 to {MAX_THREADS}, not {threads}")
        self.folder = Path(folder)
        self._handle = Handle()
        with progress_function(on_progress) as function:
            options = initialised(
                ModelOptionsStruct,
                threads=threads or 0,
                verify_checksums=verify_checksums,
                on_progress=function,
            )
            call("model_open", path_bytes(folder), byref(options), byref(self._handle))

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self.close()

    def close(self) -> None:
        """Closes the model and its sessions; a second time does nothing."""
        if self._handle:
            handle, self._handle = self._handle, Handle()
            call("model_close", handle)

    @property
    def handle(self) -> Any:
        """What the library calls the model; 0 when it is closed."""
        return self._handle

    @property
    def info(self) -> ModelInfo:
        """Sizes, threads and times."""
        found = initialised(ModelInfoStruct)
        call("model_get_info", self._handle, byref(found))
        values = dict(values_of(found, ModelInfo))
        values["bos_id"] = None if found.bos_id < 0 else found.bos_id
        values["has_chat"] = bool(found.has_chat)
        values["sliding_window"] = found.sliding_window or None
        values["window_rows"] = found.window_rows or None
        return ModelInfo(**values)

    def warm_up(self, on_progress: OnProgress | None = None) -> None:
        """Does beforehand what makes a first answer slow: reads the weights into memory and runs the program once.

        The weights stay for as long as the system has memory for them; on a device with less memory than the program
        this drives other pages out.

        Args:
            on_progress: Is told how far it is; an exception from it ends the work and is raised.

        Raises:
            CoreFailure: The program fails, or its file was changed.
        """
        with progress_function(on_progress) as function:
            call("model_warm_up", self._handle, function, None)

    def session_memory(self, tokens: int | None = None) -> SessionMemory:
        """What a session will take.

        Args:
            tokens: Of its context; None for a full one.

        Raises:
            CoreFailure: The context does not hold so many.
        """
        found = initialised(SessionMemoryStruct)
        call("model_session_memory", self._handle, -1 if tokens is None else tokens, byref(found))
        return SessionMemory(**values_of(found, SessionMemory))

    @property
    def sampling(self) -> SamplingConfig:
        """What the checkpoint's author recommends, and what sessions do unless told otherwise; greedy without it."""
        found = initialised(SamplingStruct)
        call("model_sampling", self._handle, byref(found))
        return SamplingConfig.of(found)

    def check_grammar(self, *, json_schema: JsonSchema | None = None, grammar: str | None = None) -> None:
        """Compiles a schema or a grammar, so that a caller knows beforehand what `generate` would refuse.

        The model keeps those used last, so the work is done once.

        Args:
            json_schema: A schema that the text must satisfy as JSON: its text, or what `json.loads` gives for it.
            grammar: A grammar in llama.cpp's GBNF that the text must be of; not beside `json_schema`.

        Raises:
            OptionError: Not one of them is there, or the schema cannot be written as JSON.
            CoreFailure: It is no schema or no grammar, or one that the library cannot follow; the message says where.
        """
        if json_schema is None and grammar is None:
            raise OptionError("give json_schema or grammar")
        call("model_check_grammar", self._handle, *Grammar.of(json_schema, grammar).arguments)

    def tokenize(self, text: str, *, add_bos: bool = True, parse_special: bool = False) -> list[int]:
        """Ids of a text.

        Args:
            text: Any text; what cannot be written as UTF-8 counts as U+FFFD.
            add_bos: Whether the tokenizer's own beginning comes first.
            parse_special: Whether the text of special tokens becomes their ids; leave it off for text of a user.
        """
        data = utf8(text)
        # A token stands for a byte at least, so this has room.
        ids: list[int] = filled(
            lambda *into: call("tokenize", self._handle, data, len(data), add_bos, parse_special, *into),
            c_int32,
            len(data) + 16,
        )
        return ids

    def detokenize(self, ids: Sequence[int], *, skip_special: bool = True) -> str:
        """Text of ids; bytes that are no UTF-8 become U+FFFD."""
        array = id_array(ids)
        text: bytes = filled(
            lambda *into: call("detokenize", self._handle, array, len(array), skip_special, *into),
            c_char,
            8 * len(array) + 16,
        )
        return text.decode()

    def token_bytes(self, token: int, *, first: bool = True) -> bytes:
        """The bytes that one token adds to a text; of a character that several tokens make, its part.

        Args:
            token: Its id; one that the tokenizer does not know has no bytes.
            first: Whether the text begins with it; some tokenizers write such a token without its space.
        """
        found: bytes = filled(
            lambda *into: call("token_bytes", self._handle, token, first, *into), c_char, 64
        )
        return found

    def chat(
        self, messages: Sequence[Turn], *, tools: Sequence[Mapping[str, object]] | None = None
    ) -> list[int]:
        """Ids of a conversation by the artifact's chat template, ready for the assistant's turn.

        The text of special tokens in messages and tools is plain text.

        Args:
            messages: `Message`, (role, content), or mappings with all that the template reads: role, content,
                tool_calls, ...
            tools: What the assistant may call, as JSON schemas of functions.

        Raises:
            CoreFailure: The artifact has no chat template, or it refuses the conversation.
        """
        return self.chat_json(conversation(messages, tools=tools))

    def chat_json(self, variables: Mapping[str, object], *, now: str | None = None) -> list[int]:
        """As `chat`, for everything that a template may read.

        Args:
            variables: What Hugging Face's `apply_chat_template` takes: ``messages``, ``tools``, ``documents``,
                ``add_generation_prompt`` (false unless it is there) and the template's own switches.
            now: What the template takes for the local time, ``2026-07-04T12:30:00``; None for the clock's.

        Raises:
            CoreFailure: As for `chat`.
        """
        data, moment = json_bytes(variables), _moment(now)
        ids: list[int] = filled(
            lambda *into: call("chat_json", self._handle, data, len(data), moment, *into), c_int32, 256
        )
        return ids

    def chat_text(self, variables: Mapping[str, object], *, now: str | None = None) -> str:
        """The text that the ids of `chat_json` stand for; raises as it does."""
        data, moment = json_bytes(variables), _moment(now)
        text: bytes = filled(
            lambda *into: call("chat_text", self._handle, data, len(data), moment, *into), c_char, 1024
        )
        return text.decode()

    def chat_fit(
        self, variables: Mapping[str, object], most_ids: int, *, now: str | None = None
    ) -> tuple[list[int], int]:
        """As `chat_json`, without as many of the oldest turns as it takes to have at most `most_ids`.

        A turn is a user's message with all up to the next one.

        Returns:
            The ids, and how many messages were left out, behind the system messages in front.

        Raises:
            CoreFailure: As for `chat`; or the system messages and the last turn are too long by themselves.
        """
        data, moment, left_out = json_bytes(variables), _moment(now), c_size_t()
        ids: list[int] = filled(
            lambda *into: call(
                "chat_fit", self._handle, data, len(data), moment, most_ids, *into, byref(left_out)
            ),
            c_int32,
            most_ids,
        )
        return ids, left_out.value

    def tool_calls(self, answer: str | Sequence[int]) -> dict[str, Any]:
        """An answer as a message for `chat`: its content and, if it calls tools, ``tool_calls``.

        Calls are read in the way of Llama 3, Qwen, Hermes, Granite or LFM2; one that is broken is content.

        Args:
            answer: Its ids, without the one that ended it; or its text, with that of special tokens.

        Returns:
            A mapping with ``role`` and ``content`` and, where there are calls, ``tool_calls``: each
            ``{"type": "function", "function": {"name": ..., "arguments": {...}}}``.
        """
        data = utf8(answer if isinstance(answer, str) else self.detokenize(answer, skip_special=False))
        text: bytes = filled(
            lambda *into: call("tool_calls", self._handle, data, len(data), *into),
            c_char,
            2 * len(data) + 256,
        )
        message: dict[str, Any] = json.loads(text)
        return message

    def generate(
        self,
        prompt: str | Sequence[int],
        *,
        sampling: SamplingConfig | None = None,
        max_new_tokens: int | None = None,
        min_new_tokens: int = 0,
        stop: str | Sequence[str] = (),
        json_schema: JsonSchema | None = None,
        grammar: str | None = None,
        draft_tokens: int | None = 0,
    ) -> Stream:
        """Continues a prompt in a context of its own; nothing runs until the first piece is asked for.

        Args:
            prompt: A text, or token ids.
            sampling: How to choose tokens; the artifact's own if None.
            max_new_tokens: Tokens at most; None goes on until the text ends or the context is full.
            min_new_tokens: Until there are so many, no stop token is chosen and no stop string looked for.
            stop: Strings that the text ends before, or one.
            json_schema: A schema that the text must satisfy as JSON: its text, or what `json.loads` gives for it.
            grammar: A grammar in llama.cpp's GBNF that the text must be of; not beside `json_schema`.
            draft_tokens: As for `Session.set_speculation`.

        Raises:
            OptionError: A number is negative, a stop string is empty, or both `json_schema` and `grammar` are there.
            CoreFailure: It judges no drafts; while iterating, if the prompt does not fit, the schema or grammar cannot
                be followed, or the program fails.
        """
        session = Session(self, sampling)
        session.set_speculation(draft_tokens)
        return session.generate(
            prompt,
            max_new_tokens=max_new_tokens,
            min_new_tokens=min_new_tokens,
            stop=stop,
            json_schema=json_schema,
            grammar=grammar,
        )


def _moment(now: str | None) -> bytes | None:
    return None if now is None else now.encode()
