"""What the sandbox does with a request: from the credentials to the script for the wire. No sockets here."""

import base64
import binascii
import hmac
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sandbox import control
from sandbox.api.answers import Answer, method_not_allowed, no_such_path, unauthorized
from sandbox.api.calls import Call, Request
from sandbox.api.key_case import in_key_case
from sandbox.api.list_cache import ListCache
from sandbox.api.routes import LIST, Found, resolve
from sandbox.data import seed
from sandbox.data.database import Database
from sandbox.data.store import JsonObject, StoredConsumer, Transaction, WireRequest
from sandbox.faults.armed import Armed, ArmedFaults
from sandbox.faults.catalogue import CONNECTION_FAULTS, REQUEST_FAULTS
from sandbox.faults.damage import FaultContext
from sandbox.faults.kinds import Fault
from sandbox.faults.script import Close, Deferred, Script, Send, Wait, status_sent
from sandbox.options import Options, Switches

Clock = Callable[[], datetime]
Report = Callable[[str], None]


def utc_now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _ActiveFault:
    """The fault of a request, and the length of its pause in seconds."""

    name: str
    fault: Fault
    seconds: float

    @classmethod
    def from_armed(cls, armed: Armed) -> "_ActiveFault":
        fault = REQUEST_FAULTS[armed.fault]
        return cls(armed.fault, fault, fault.seconds if armed.seconds is None else armed.seconds)


class Sandbox:
    """The sandbox without its server. Safe to use from several threads.

    `clock` returns the time. `report` receives a line per request: operation and status, never the content.
    Raises OSError or sqlite3.Error if the data file cannot be opened.
    """

    def __init__(self, options: Options, *, clock: Clock = utc_now, report: Report | None = None) -> None:
        self.options = options
        self.switches = Switches(create_status=options.create_status)
        self.faults = ArmedFaults(
            {ref: fault for fault, ref in seed.FAULT_ORDERS.items()},
            request_faults=REQUEST_FAULTS.keys(),
            connection_faults=[
                name for name, fault in CONNECTION_FAULTS.items() if fault.possible(options.tls)
            ],
        )
        self._clock = clock
        self._report = report
        self._database = Database(options.data)
        self.list_cache = ListCache()
        with self._database.transaction() as tx:
            seed.fill(tx)

    def close(self) -> None:
        """Close the data file."""
        self._database.close()

    def consumers(self, order_ref: str = "") -> list[StoredConsumer]:
        """The stored consumers of an order, or of all."""
        with self._database.transaction() as tx:
            return tx.consumers(order_ref)

    def add_consumer(
        self, order_ref: str, body: JsonObject, *, created_at: datetime | None = None, listed_in: float = 0
    ) -> StoredConsumer:
        """Add a consumer as if another system had created it.

        No request is counted and no guest is matched. The list of its order contains it after `listed_in`
        seconds. Raises ValueError for an unknown order.
        """
        now = self._clock()
        with self._database.transaction() as tx:
            if tx.order(order_ref) is None:
                raise ValueError("order: there is no such order")
            ref, guest_ref = str(uuid.uuid4()), str(uuid.uuid4())
            tx.add_guest(guest_ref, {"guestType": "traveller"}, [])
            consumer = StoredConsumer(
                ref=ref,
                order_ref=order_ref.lower(),
                guest_ref=guest_ref,
                body=json.dumps(body, ensure_ascii=False),
                guest_effect="seeded",
                matched_by="",
                created_at=created_at or now,
                listed_at=now + timedelta(seconds=listed_in),
            )
            tx.add_consumer(consumer)
        return consumer

    def list_consumer(self, ref: str, *, listed_in: float = 0) -> StoredConsumer:
        """Add a consumer to its order's list in `listed_in` seconds. Raises ValueError if unknown."""
        with self._database.transaction() as tx:
            tx.list_consumer(ref, self._clock() + timedelta(seconds=listed_in))
            consumer = tx.consumer(ref)
        if consumer is None:
            raise ValueError("ref: there is no such consumer")
        return consumer

    def requests(self, after: int = 0) -> list[WireRequest]:
        """The requests with a number above `after`, without those to the control address."""
        with self._database.transaction() as tx:
            return tx.requests(after)

    def handle(self, request: Request) -> Script:
        """Process a complete request. Its record and its changes are durable before the script runs."""
        is_control = request.segments[:1] == (control.PREFIX,)
        if not self._authorised(request):
            return (Send(unauthorized()),) if is_control else self._counted(request, unauthorized())
        if is_control:
            return (Send(control.answer(self, request)),)
        found = resolve(request.method, request.segments, self.switches)
        if isinstance(found, Found):
            return self._perform(request, found)
        key = self.options.client_key
        return self._counted(request, method_not_allowed(found) if found else no_such_path(key))

    def refuse(self, request: Request, answer: Answer | None) -> Script:
        """Record a request with an incomplete body. The script sends the answer, if any, and closes."""
        script: Script = (Close(),) if answer is None else (Send(answer), Close())
        with self._database.transaction() as tx:
            self._count(tx, request, script, body_read=False)
        return script

    def _perform(self, request: Request, found: Found) -> Script:
        operation = found.route.operation
        armed = self.faults.take(operation, found.ref)
        active = _ActiveFault.from_armed(armed) if armed else None
        if active is None and operation == LIST:
            cached = self.list_cache.answer(request, self.switches.cache, self._clock())
            if cached is not None:
                return self._counted(request, cached, operation=operation)
        if active is None or not active.fault.late:
            return self._work(request, found, active)
        with self._database.transaction() as tx:
            seq = self._count(tx, request, (), operation=operation, fault=active.name)
        return Wait(active.seconds), Deferred(lambda: self._work(request, found, active, counted=seq))

    def _work(
        self, request: Request, found: Found, active: "_ActiveFault | None" = None, *, counted: int = 0
    ) -> Script:
        """Do the work and return the script. `counted`: number of the request, if recorded before."""
        operation = found.route.operation
        fault = active.fault if active else None
        with self._database.transaction() as tx:
            call = Call(request, operation, found.ref, tx, self.options, self.switches, self._clock())
            with tx.savepoint(undo=fault is not None and not fault.done):
                plain = found.route.handle(call)
                answer = in_key_case(plain, self.switches.key_case)
                if fault is not None and fault.makes > 1 and answer.done:
                    found.route.handle(call)
                if fault is None and operation == LIST:
                    self.list_cache.store(request, answer, call.now)
            # After a rejection there is no work that a fault could follow. A successful read counts as work.
            worked = answer.done or (request.method == "GET" and answer.status < 300)
            script: Script = (Send(answer),)
            if active and (worked or not (active.fault.done or active.fault.uses_answer)):
                script = active.fault.script(FaultContext(call, answer, plain, active.seconds))
            done = answer.done and (fault is None or fault.done)
            if counted:
                tx.finish_request(counted, done=done, status=status_sent(script))
            else:
                name = active.name if active else ""
                self._count(tx, request, script, operation=operation, done=done, fault=name)
        return script

    def _counted(self, request: Request, answer: Answer, *, operation: str = "") -> Script:
        script: Script = (Send(answer),)
        with self._database.transaction() as tx:
            self._count(tx, request, script, operation=operation)
        return script

    def _count(
        self,
        tx: Transaction,
        request: Request,
        script: Script,
        *,
        operation: str = "",
        body_read: bool = True,
        done: bool = False,
        fault: str = "",
    ) -> int:
        status = status_sent(script)
        seq = tx.add_request(
            at=self._clock(),
            method=request.method,
            path=request.target,
            operation=operation,
            body_read=body_read,
            done=done,
            status=status,
            fault=fault,
        )
        if self._report is not None:
            words = (operation or "no operation", str(status or "no answer"), fault and f"fault {fault}")
            self._report(", ".join(filter(None, words)))
        return seq

    def _authorised(self, request: Request) -> bool:
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            given = base64.b64decode(credentials.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        return any(
            hmac.compare_digest(given, f"{self.options.client_key}:{token}".encode())
            for token in self.options.api_token.split(",")
        )
