"""A create with a lost answer on an order that other systems also write to, with the truth about it.

The sandbox answers within this process, so that its clock can be set and thousands of cases can run. The
portal's client, services and database are real.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from apps.cdp.attempt import Attempt, Limits
from apps.cdp.client import CdpClient
from apps.cdp.consumers import NewConsumer
from apps.cdp.exchange import Exchange
from apps.cdp.links import BaseUrl
from apps.cdp.masking import Secrets
from apps.cdp.transport import RawAnswer, Transport
from apps.consumers.models import ConnectionHealth
from sandbox.api.calls import Request
from sandbox.application import Sandbox
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.data.store import StoredConsumer
from sandbox.faults.armed import Armed
from sandbox.faults.script import Send
from sandbox.options import Options
from tests.support.sandbox_caller import basic

OURS = NewConsumer("Ida", "Twin", emails=("ida.twin@example.com",), passport_number="P1234567")
OTHER = NewConsumer("Olaf", "Other", emails=("olaf@example.com",))
CHECKS = (2.0, 10.0, 60.0)  # seconds after the send
NEVER = 86_400.0  # seconds: after every check
TOLERANCE = 120.0  # seconds that the portal allows between the send and `createdAt`
LATEST = 180.0  # seconds after the send: the earliest `createdAt` that cannot be the send's own


@dataclass(frozen=True, slots=True)
class Writer:
    """A consumer that another system adds: our twin or another person.

    `at` is the moment in seconds after the send, negative for before. From the moment `seen` on the order's
    list contains it.
    """

    at: float
    seen: float
    is_twin: bool = True


@dataclass(frozen=True, slots=True)
class Case:
    """One random case. Times in seconds after the send."""

    done: bool = True  # whether the create was done although its answer was lost
    lag: float = 0.0  # until the list contains our own consumer
    dated: bool = False  # whether consumers have `createdAt`
    skew: float = 0.0  # by how much the vendor's clock is ahead of ours
    page_size: int = 0
    paging: str = "steady"
    cache: str = "none"
    is_cache_warm: bool = False  # the list had been read before the others were added
    misread: str = ""  # the fault of the first retrieval
    retrieved: str = "own"  # which consumer is returned for a reference
    writers: tuple[Writer, ...] = ()


class World:
    """The sandbox of one case, with the portal's client for it."""

    def __init__(self, folder: Path) -> None:
        self._offset = 0.0
        self.sandbox = Sandbox(Options(data=folder / "truth.sqlite3"), clock=self._now)
        self.sandbox._database._connection.execute("PRAGMA synchronous=OFF")  # durability is not needed here
        self.client = CdpClient(
            Exchange(
                cast(Transport, _InProcess(self)),
                Limits(connect=5, read=5, total=5),
                sleep=lambda _seconds: None,
            )
        )
        self.order = ""
        self._case = Case()
        self._waiting: list[Writer] = []
        self._seen: dict[str, Writer] = {}

    def close(self) -> None:
        """Close the sandbox's file."""
        self.sandbox.close()

    def begin(self, case: Case, order: str) -> None:
        """Prepare an order for a case; the answer to its next create is lost."""
        self.order, self._case = order, case
        self._waiting = sorted(case.writers, key=lambda writer: writer.at)
        self._seen = {}
        self._add_order()
        self._move_to(-1.0)
        self.sandbox.switches = replace(
            self.sandbox.switches,
            created_at="always" if case.dated else "never",
            paging=case.paging,
            cache=case.cache,
            retrieved=case.retrieved,
            page_size=case.page_size,
            lag_seconds=case.lag,
        )
        self.sandbox.list_cache.clear()
        if case.is_cache_warm:
            self.client.observe_order_consumers(order)
        self._let_write(until=0.0)
        self.sandbox.faults.clear()
        self.sandbox.faults.arm(Armed("reset_after" if case.done else "reset_before"))
        if case.misread:
            self.sandbox.faults.arm(Armed(case.misread, operation="retrieve_order_consumer"))
        ConnectionHealth.objects.update_or_create(pk=1, defaults={"clock_ahead": -case.skew})

    def pass_to(self, seconds: float) -> None:
        """Move the time to so many seconds after the send, and add the consumers that are due."""
        self._let_write(until=seconds)
        self._move_to(seconds)

    @property
    def own_ref(self) -> str:
        """The reference of the consumer that our create made; empty if there is none."""
        made = [one.ref for one in self._consumers() if one.guest_effect != "seeded"]
        assert len(made) <= 1
        return made[0] if made else ""

    def is_decidable(self) -> bool:
        """Whether a caller of the API could distinguish our consumer from all others.

        It cannot if no list could contain another system's twin before the send and no `createdAt` shows a
        different time.
        """
        return not any(self._looks_like_ours(ref, writer) for ref, writer in self._seen.items())

    def _looks_like_ours(self, ref: str, writer: Writer) -> bool:
        if not writer.is_twin:
            return False
        was_hidden = (
            writer.at >= 0 or writer.seen > 0 or (self._case.cache == "silent" and self._case.is_cache_warm)
        )
        at_our_time = not self._case.dated or -TOLERANCE - 5 <= writer.at <= LATEST + 60
        return was_hidden and at_our_time

    def handle(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> RawAnswer:
        """The sandbox's answer. Raises `ConnectionResetError` if it sends none."""
        if method == "POST":
            self._let_write(until=0.5)  # leaves other systems time between our list and our send
            self._move_to(0.5)
        known = {"authorization": basic(), **{name.lower(): value for name, value in headers.items()}}
        script = self.sandbox.handle(Request(method, target, known, body or b"", "http://127.0.0.1:1"))
        [step, *_] = script
        if not isinstance(step, Send):
            raise ConnectionResetError
        answer = step.answer
        return RawAnswer(answer.status, "", answer.body, from_cache="Age" in dict(answer.headers))

    def _now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=self._offset)

    def _move_to(self, seconds: float) -> None:
        self._offset = self._case.skew + seconds

    def _let_write(self, *, until: float) -> None:
        while self._waiting and self._waiting[0].at < until:
            writer = self._waiting.pop(0)
            # The time of storage does not matter, only what the API returns.
            self._move_to(max(writer.at, -1.0))
            created_at = self._now() + dt.timedelta(seconds=min(writer.at + 1.0, 0.0))
            listed_in = max(writer.seen - max(writer.at, -1.0), 0.0)
            body = (OURS if writer.is_twin else OTHER).to_json()
            added = self.sandbox.add_consumer(self.order, body, created_at=created_at, listed_in=listed_in)
            self._seen[added.ref] = writer

    def _consumers(self) -> list[StoredConsumer]:
        return self.sandbox.consumers(self.order)

    def _add_order(self) -> None:
        with self.sandbox._database.transaction() as tx:
            body: dict[str, Any] = tx.order(SAMPLE_ORDER) or {}
            tx.add_order(self.order, "TRUTH", json.loads(json.dumps(body)))


class _InProcess:
    """Replaces the transport: passes requests to the sandbox without a socket."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.base = BaseUrl.parse("http://127.0.0.1:1")
        self.secrets = Secrets("", "")

    def send(
        self,
        method: str,
        target: str,
        *,
        attempt: Attempt,
        headers: Mapping[str, str],
        body: bytes | None = None,
        fresh: bool,
    ) -> RawAnswer:
        """See `Transport.send`."""
        attempt.before_write()
        return self._world.handle(method, target, headers, body)
