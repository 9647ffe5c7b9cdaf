"""Between the event loop, where clients are, and the thread that computes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

from mmoe.export.serve.errors import ApiError
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
            ApiError: Too many wait already.
        """
        self._worker = worker
        self.unfinished = len(request.prompts) * request.choices
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[tuple[int, Event]] = asyncio.Queue()
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
                deadline=deadline,
                tell=self._teller(index * request.choices + choice),
                waiting_to_be_read=self._events.qsize,
            )
            for index, prompt in enumerate(request.prompts)
            for choice in range(request.choices)
        ]
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

    async def events(self) -> AsyncIterator[tuple[int, Event]]:
        """Events of all choices as they come, each with the choice's index, until every one has ended.

        Raises:
            ApiError: The program failed.
        """
        while self.unfinished:
            choice, event = await self._events.get()
            if isinstance(event, Failure):
                raise ApiError(500, event.message, code="runtime_failure")
            if self._events.qsize() == 0:
                self._worker.wake()
            self.unfinished -= isinstance(event, End)
            yield choice, event

    def _teller(self, choice: int) -> _Teller:
        return _Teller(self._loop, self._events, choice)


class _Teller:
    """Hands events of a choice from the computing thread to the loop."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, events: asyncio.Queue[tuple[int, Event]], choice: int
    ) -> None:
        self._loop, self._events, self._choice = loop, events, choice

    def __call__(self, event: Event) -> None:
        # A loop that was closed has nobody who reads.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._events.put_nowait, (self._choice, event))
