"""The client of Sitecore CDP: one method per endpoint of the vendor."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

from apps.cdp.consumers import Creation, Identifier, NewConsumer, OrderConsumer
from apps.cdp.errors import (
    CdpAnotherRecord,
    CdpListUnfinished,
    CdpNotConfigured,
    CdpNotFound,
    CdpTimeout,
    ErrorCode,
)
from apps.cdp.exchange import Exchange
from apps.cdp.links import Path
from apps.cdp.paging import Page, Reading
from apps.cdp.recognition import check_answer
from apps.cdp.records import Guest, Order
from apps.core.references import reference_key

DETAILS = 25  # entries of a list without expanded objects that are fetched one by one

ORDERS = "/v2.1/orders"
ORDER = "/v2.1/orders/{order_ref}"
ORDER_CONSUMERS_OF_ORDER = "/v2.1/orders/{order_ref}/consumers"
ORDER_CONSUMER = "/v2.1/orderConsumers/{consumer_ref}"
GUESTS = "/v2.1/guests"
GUEST = "/v2.1/guests/{guest_ref}"

R = TypeVar("R", Order, Guest, OrderConsumer)


@dataclass(frozen=True, slots=True)
class ListedRefs:
    """References in the order of a list. `is_whole`: nothing that was on the list can be missing.

    Not whole: a page repeated an entry, gave none and linked to a next one, or came from a cache.
    """

    refs: tuple[str, ...]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class CdpClient:
    """Typed value in, typed value out, `CdpError` otherwise. Safe to share between threads.

    No method takes longer than the total limit, all pages and retries included; only the look-up of the host
    name cannot be interrupted. Without usable settings every call raises `CdpNotConfigured` and sends
    nothing.
    """

    _exchange: Exchange | CdpNotConfigured

    def slot(self) -> AbstractContextManager[None]:
        """Hold one of the slots of this process for the calls of this thread. Raises `CdpBusy` at once where
        none is free. Every call holds one; this is for several calls that belong together."""
        return self._exchange.slot() if isinstance(self._exchange, Exchange) else contextlib.nullcontext()

    def create_order_consumer(
        self, order_ref: str, consumer: NewConsumer, *, deadline: dt.datetime
    ) -> Creation:
        """Add a consumer to an order: at most one request, its first byte before `deadline` (with a zone).

        Not repeatable: two equal calls make two consumers. `CdpError.outcome` says whether it may have been
        done. An answer about somebody else is a `CdpAnotherRecord`, and the outcome unknown.
        """

        def checked(data: object) -> OrderConsumer:
            answered = OrderConsumer.from_json(data)
            check_answer(order_ref, consumer, answered)
            return answered

        path = Path.fill(ORDER_CONSUMERS_OF_ORDER, order_ref=order_ref)
        answered = self._wire().create(path, consumer.to_json(), checked, deadline=deadline)
        return Creation(answered.value, answered.status)

    def list_order_consumer_refs(self, order_ref: str, *, within: float | None = None) -> tuple[str, ...]:
        """The references of all consumers of an order; `within` seconds, if given, for all of it."""
        return self.observe_order_consumers(order_ref, within=within).refs

    def observe_order_consumers(self, order_ref: str, *, within: float | None = None) -> ListedRefs:
        """The same list, with what it is worth as evidence.

        Raises `CdpListUnfinished` where a page was answered and the time ran out before the last one.
        """
        path = Path.fill(ORDER_CONSUMERS_OF_ORDER, order_ref=order_ref)
        end = self._end(within)
        reading = self._reading(path, {}, end)
        try:
            return ListedRefs(tuple(item.ref for item in reading), is_whole=reading.is_whole)
        except CdpTimeout as error:
            if not reading.pages or (error.code != ErrorCode.TOTAL_TIMEOUT and time.monotonic() < end):
                raise
        raise CdpListUnfinished

    def retrieve_order_consumer(self, ref: str, *, within: float | None = None) -> OrderConsumer:
        """One order consumer; `within` seconds, if given."""
        return self._record(ORDER_CONSUMER, "consumer_ref", ref, OrderConsumer.from_json, self._end(within))

    def list_orders(self, *, reference_id: str = "", guest_ref: str = "") -> tuple[Order, ...]:
        """Orders by the organisation's own number or by guest; the number is not unique (contract 7.1).

        Raises `ValueError` unless exactly one of the two is given.
        """
        query = _only({"referenceId": reference_id, "guestRef": guest_ref})
        return self._records(ORDERS, query, Order.from_json, self._order)

    def retrieve_order(self, ref: str) -> Order:
        """One order."""
        return self._order(ref, self._end())

    def search_guests(
        self,
        *,
        email: str = "",
        order_ref: str = "",
        order_reference_id: str = "",
        identifier: Identifier | None = None,
    ) -> tuple[Guest, ...]:
        """Guests that match exactly (contract 9.1). Raises `ValueError` unless exactly one criterion is
        given."""
        pair = (
            {"identifiers.provider": identifier.provider, "identifiers.id": identifier.id}
            if identifier
            else {}
        )
        single = {"email": email, "orderRef": order_ref, "orderReferenceId": order_reference_id}
        if pair and any(single.values()):
            raise ValueError("exactly one criterion is needed")
        return self._records(GUESTS, pair or _only(single), Guest.from_json, self._guest)

    def retrieve_guest(self, ref: str) -> Guest:
        """One guest."""
        return self._guest(ref, self._end())

    def is_own_link(self, href: str) -> bool:
        """Whether a link leads to the configured scheme, host and port; any other is shown as text only."""
        return isinstance(self._exchange, Exchange) and self._exchange.transport.base.owns(href)

    def _wire(self) -> Exchange:
        if isinstance(self._exchange, CdpNotConfigured):
            # A new one for each call: an exception that is raised again and again collects tracebacks.
            raise CdpNotConfigured(detail=self._exchange.detail)
        return self._exchange

    def _end(self, within: float | None = None) -> float:
        total = self._wire().limits.total
        return time.monotonic() + (total if within is None else min(within, total))

    def _order(self, ref: str, end: float) -> Order:
        return self._record(ORDER, "order_ref", ref, Order.from_json, end)

    def _guest(self, ref: str, end: float) -> Guest:
        return self._record(GUEST, "guest_ref", ref, Guest.from_json, end)

    def _record(self, template: str, name: str, ref: str, parse: Callable[[object], R], end: float) -> R:
        """The record under a reference. Raises `CdpAnotherRecord` for an answer about another one."""

        def checked(data: object) -> R:
            record = parse(data)
            if reference_key(record.ref) != reference_key(ref):
                raise CdpAnotherRecord
            return record

        return self._wire().read(Path.fill(template, **{name: ref}), {}, checked, end=end).value

    def _reading(self, path: Path, query: dict[str, str], end: float) -> Reading:
        wire = self._wire()

        def fetch(ask: dict[str, str]) -> tuple[Page, bool]:
            answered = wire.read(path, ask, Page.from_json, end=end)
            return answered.value, answered.from_cache

        return Reading(fetch, path=path, base=wire.transport.base, query=query)

    def _records(
        self,
        collection: str,
        query: dict[str, str],
        parse: Callable[[object], R],
        retrieve: Callable[[str, float], R],
    ) -> tuple[R, ...]:
        """The records of a collection. Entries without content are fetched one by one, the first `DETAILS` of
        them; one that cannot be found then (a retired guest) stays a reference."""
        end = self._end()
        records: list[R] = []
        fetched = 0
        for item in self._reading(Path.fill(collection), query, end):
            record = parse(item.data)
            if item.bare and fetched < DETAILS:
                fetched += 1
                with contextlib.suppress(CdpNotFound):
                    record = retrieve(item.ref, end)
            records.append(record)
        return tuple(records)


def _only(criteria: dict[str, str]) -> dict[str, str]:
    """The one criterion that is given. Raises `ValueError` for none or several."""
    given = {name: value for name, value in criteria.items() if value}
    if len(given) != 1:
        raise ValueError("exactly one criterion is needed")
    return given
