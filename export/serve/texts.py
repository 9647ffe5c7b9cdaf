"""Between the event loop, where clients are, and the thread that computes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

from mmoe.export.serve.errors import ApiError, refuse
from mmoe.export.serve.request import TextRequest
from mmoe.export.serve.worker import End, Event, Failure, Generation, Worker


class Texts:
    """The texts of one request; leaving the block cancels what still runs.

    Attributes:
        unfinished: How many of them have not come to their end.
    """

    def __init__(self, request: TextRequest, worker: Worker, time_limit: float) -> None:
        """Submits them.

        Args:
            request: What is to be generated.
            worker: What does it.
            time_limit: Seconds after which a text ends with what it has.

        Raises:
            ApiError: Too many wait already, or these are too many by themselves.
        """
        self._worker = worker
        self.unfinished = len(request.prompts) * request.choices
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[tuple[int, Sequence[Event]]] = asyncio.Queue()
        self._unread = 0
        deadline = time.monotonic() + time_limit
        self._generations = [
            Generation(
                prompt=prompt,
                sampling=replace(request.sampling, seed=(request.sampling.seed + choice) % 2**64),
                bias=request.bias,
                limits=request.limits,
                grammar=request.grammar,
                top_logprobs=request.top_logprobs,
                score_prompt=request.echo and request.top_logprobs is not None,
                count_experts=request.count_experts,
                hide_tool_calls=request.may_call,
                deadline=deadline,
                tell=self._teller(index * request.choices + choice),
                waiting_to_be_read=lambda: self._unread,
            )
            for index, prompt in enumerate(request.prompts)
            for choice in range(request.choices)
        ]
        if self.unfinished > worker.most:  # which no waiting changes
            raise refuse(
                "n", f"{self.unfinished} texts are more than the {worker.most} that this server takes"
            )
        if not worker.submit(*self._generations):
            raise ApiError(
                429,
                "too many texts wait already; try again later",
                code="rate_limit_exceeded",
                headers={"Retry-After": "1"},
            )

    def __enter__(self) -> Texts:
        return self

    def __exit__(self, *_: object) -> None:
        for generation in self._generations:
            generation.cancel()
        self._worker.wake()

    @property
    def has_more(self) -> bool:
        """Whether an event has come that nobody has taken yet."""
        return not self._events.empty()

    async def events(self) -> AsyncIterator[tuple[int, Sequence[Event]]]:
        """Events as they come, one or more of a choice with its index, until every choice has ended.

        Raises:
            ApiError: The program failed.
        """
        while self.unfinished:
            choice, events = await self._events.get()
            last = events[-1]
            if isinstance(last, Failure):
                raise ApiError(500, last.message, code="runtime_failure")
            self._unread -= len(events)
            if self._unread == 0:
                self._worker.wake()
            self.unfinished -= isinstance(last, End)
            yield choice, events

    def _teller(self, choice: int) -> Callable[[Sequence[Event]], None]:
        """Hands events of a choice from the computing thread to the loop."""

        def tell(events: Sequence[Event]) -> None:
            # A loop that was closed has nobody who reads.
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._come, choice, events)

        return tell

    def _come(self, choice: int, events: Sequence[Event]) -> None:
        self._unread += len(events)
        self._events.put_nowait((choice, events))
