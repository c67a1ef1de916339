"""A call of Triton, given to another server where one is gone or full. Inference keeps nothing, so trying is free."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tritonclient.utils import InferenceServerException

from gateway.addresses import Address, Addresses
from gateway.balance import Balance
from gateway.lifelines import Lifelines
from gateway.triton_errors import to_limner_error
from limner.errors import InferenceUnavailable, LimnerError, QueueFull

log = logging.getLogger("limner.triton")

_T = TypeVar("_T")

MAX_DEATHS = 2
"""Servers that may end under one photo. It may be the photo that ends them, and must not end all."""

UNREACHABLE = "The inference server cannot be reached at the moment. Try again in a few seconds."

_NO_CONNECTION = "failed to connect"
"""What gRPC says where nothing was sent yet."""

_NOT_BEGUN = (_NO_CONNECTION, "has no available versions", "stopped accepting")
"""And Triton, while it starts or stops: the photo can have done no harm there."""

SILENCE_SECONDS = 1.0
"""A connection that fails sooner was refused, and somebody refused it."""

Attempt = Callable[[Address, float], Coroutine[Any, Any, _T]]
"""One call of one server, within so many seconds. Raises InferenceServerException, or a LimnerError that is final."""


class Failover:
    """Gives each call to the server that :class:`Balance` picks, and to another one where that makes sense.

    Another one is tried when a server cannot be reached, ends, or has lost a process, and when its queue is full;
    each at most once for a call. What a model says of a photo, a passed deadline and a cancellation are final.
    """

    def __init__(self, addresses: Addresses, balance: Balance, on_retry: Callable[[str], None]) -> None:
        self._addresses, self._balance, self._on_retry = addresses, balance, on_retry
        self._lifelines = Lifelines()
        self._silent: set[Address] = set()

    async def run(self, attempt: Attempt[_T], timeout: float) -> _T:
        """The outcome of ``attempt``, within ``timeout`` seconds.

        Raises:
            LimnerError: where several were tried, the last full one's word, else that of the first that was gone.
        """
        deadline = time.monotonic() + timeout
        tried: set[Address] = set()
        deaths = 0
        error: LimnerError | None = None
        while deaths < MAX_DEATHS:
            left = deadline - time.monotonic()
            known = await self.known(left)
            others = [address for address in known if address not in tried]
            if not others or (tried and left <= 0):
                break
            if error is not None:
                self._on_retry(error.type)
            address = self._balance.pick(others)
            tried.add(address)
            try:
                with self._balance.at_work(address):
                    call = attempt(address, max(0.0, deadline - time.monotonic()))
                    # Alone, it has nobody to hand over to.
                    return await (call if len(known) == 1 else self._lifelines.call(address, call))
            except InferenceServerException as refusal:
                kind = to_limner_error(refusal)
                if _is_full(refusal, kind):
                    error = kind
                elif isinstance(kind, InferenceUnavailable):
                    log.warning("%s failed a call: %s", address, kind.type)
                    self._balance.failed(address)
                    deaths += not any(said in _words(refusal) for said in _NOT_BEGUN)
                    error = error or kind
                else:
                    raise kind from None
        raise error or InferenceUnavailable(UNREACHABLE)

    async def check(self, attempt: Attempt[_T], address: Address, timeout: float) -> _T:
        """Let ``address`` prove itself: it is avoided from a failure on until an inference passes there.

        Raises:
            LimnerError: it failed. A full one has failed, too, but is not avoided.
        """
        started = time.monotonic()
        try:
            result = await attempt(address, timeout)
        except InferenceServerException as refusal:
            kind = to_limner_error(refusal)
            if not _is_full(refusal, kind):
                self._balance.failed(address, until_passed=True)
            silent = _NO_CONNECTION in _words(refusal) and time.monotonic() - started >= SILENCE_SECONDS
            await self._listen(address, silent)
            raise kind from None
        except LimnerError:
            self._balance.failed(address, until_passed=True)
            raise
        self.passed(address)
        return result

    def passed(self, address: Address) -> None:
        """An inference went all the way through."""
        self._silent.discard(address)
        self._balance.passed(address)

    @property
    def avoided(self) -> int:
        """How many of the servers are avoided."""
        return sum(map(self._balance.avoids, self._addresses.known))

    async def known(self, seconds: float) -> tuple[Address, ...]:
        """The servers' addresses, as far as they are found within ``seconds``."""
        addresses = await self._addresses.get(max(0.0, seconds))
        self._balance.keep(addresses)
        self._silent.intersection_update(self._balance.seen)
        return addresses

    async def due(self, age: float) -> list[Address]:
        """Servers that are to prove themselves: nothing has passed there for ``age`` seconds, or they are avoided.

        Among them those that are no longer named, while something is at work there.

        Raises:
            InferenceUnavailable: no name can be resolved.
        """
        addresses = dict.fromkeys([*await self.known(age), *self._balance.busy])
        if not addresses:
            raise InferenceUnavailable(UNREACHABLE)
        return [a for a in addresses if self._balance.avoids(a) or self._balance.age(a) >= age]

    async def _listen(self, address: Address, silent: bool) -> None:
        """Give up the calls at a machine that has twice not even refused a connection, where others are there.

        A server that has ended refuses, and its connections have ended with it. One that is about to end refuses, too,
        but finishes what it has begun. A machine that is gone says nothing, on no connection.
        """
        if not silent:
            self._silent.discard(address)
        elif address not in self._silent:
            self._silent.add(address)
        elif any(other != address and not self._balance.avoids(other) for other in await self.known(0.0)):
            self._lifelines.cut(address)


def _is_full(refusal: InferenceServerException, kind: LimnerError) -> bool:
    """Whether the server is alive and has no place; ``kind`` is what the refusal means to a caller."""
    return isinstance(kind, QueueFull) or str(refusal.status()).endswith("RESOURCE_EXHAUSTED")


def _words(refusal: InferenceServerException) -> str:
    return (refusal.message() or "").lower()
