"""The client of Sitecore CDP: one method per endpoint of the vendor."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

from apps.cdp.consumers import Creation, Identifier, NewConsumer, OrderConsumer
from apps.cdp.errors import (
    CdpAnotherRecord,
    CdpError,
    CdpListUnfinished,
    CdpNotConfigured,
    CdpNotFound,
    CdpTimeout,
    ErrorCode,
)
from apps.cdp.exchange import Exchange
from apps.cdp.links import REGIONAL_HOSTS, Path
from apps.cdp.paging import CollectionReader, Item, Page
from apps.cdp.recognition import check_answer
from apps.cdp.records import Guest, Order
from apps.core.references import reference_key

MAX_DETAILS = 25  # entries of a list that are fetched one by one if the list has only references

ORDERS = "/v2.1/orders"
ORDER = "/v2.1/orders/{order_ref}"
ORDER_CONSUMERS_OF_ORDER = "/v2.1/orders/{order_ref}/consumers"
ORDER_CONSUMER = "/v2.1/orderConsumers/{consumer_ref}"
GUESTS = "/v2.1/guests"
GUEST = "/v2.1/guests/{guest_ref}"

R = TypeVar("R", Order, Guest, OrderConsumer)


@dataclass(frozen=True, slots=True)
class ListedRefs:
    """The references of a list, in its order. `is_whole`: no entry of the list can be missing.

    A list is not whole if a page repeated an entry, was empty with a link to a next page, or came from a
    cache.
    """

    refs: tuple[str, ...]
    is_whole: bool


@dataclass(frozen=True, slots=True, repr=False)
class ListedConsumers:
    """The consumers of an order, as far as they were read, in the order of the list.

    `refs`: the references of all entries that were read. `consumers`: those of them with their data; an entry
    without data was not retrieved. `has_ended`: the list was read to its end. `is_whole`: as in `ListedRefs`.
    """

    refs: tuple[str, ...]
    consumers: tuple[OrderConsumer, ...]
    has_ended: bool
    is_whole: bool

    def __repr__(self) -> str:
        return f"ListedConsumers({len(self.refs)} entries, <personal data>)"


@dataclass(frozen=True, slots=True)
class ListedOrders:
    """The orders of a list. `is_whole`: as in `ListedRefs`."""

    orders: tuple[Order, ...]
    is_whole: bool


@dataclass(frozen=True, slots=True, repr=False)
class ListedGuests:
    """The guests of a list. `is_whole`: as in `ListedRefs`."""

    guests: tuple[Guest, ...]
    is_whole: bool

    def __repr__(self) -> str:
        return f"ListedGuests({len(self.guests)} guests, <personal data>)"


@dataclass(frozen=True, slots=True)
class CdpClient:
    """The vendor's endpoints as methods. Failed calls raise `CdpError`. Can be shared between threads.

    No method takes longer than the total limit, including all pages and retries; only the resolution of the
    host name cannot be interrupted. Without usable settings every call raises `CdpNotConfigured` and sends
    nothing.
    """

    _exchange: Exchange | CdpNotConfigured

    def slot(self) -> AbstractContextManager[None]:
        """Hold one of this process's slots for several calls of this thread. A single call holds its own.

        Raises `CdpBusy` immediately if no slot is free.
        """
        return self._exchange.slot() if isinstance(self._exchange, Exchange) else contextlib.nullcontext()

    def lookup_slot(self) -> AbstractContextManager[None]:
        """Hold a slot for several calls that only read. Some slots are reserved for creates.

        Raises `CdpBusy` immediately if no slot is free.
        """
        return (
            self._exchange.lookup_slot() if isinstance(self._exchange, Exchange) else contextlib.nullcontext()
        )

    def create_order_consumer(
        self, order_ref: str, consumer: NewConsumer, *, deadline: dt.datetime
    ) -> Creation:
        """Add a consumer to an order with at most one request, begun before `deadline` (timezone-aware).

        Not idempotent: two equal calls create two consumers. After an error, `CdpError.outcome` is whether
        the consumer may exist. An answer about another person raises `CdpAnotherRecord` (outcome unknown).
        """

        def checked(data: object) -> OrderConsumer:
            answered = OrderConsumer.from_json(data)
            check_answer(order_ref, consumer, answered)
            return answered

        path = Path.fill(ORDER_CONSUMERS_OF_ORDER, order_ref=order_ref)
        answered = self._wire().create(path, consumer.to_json(), checked, deadline=deadline)
        return Creation(answered.value, answered.status)

    def observe_order_consumers(self, order_ref: str, *, within: float | None = None) -> ListedRefs:
        """The references of all consumers of an order, and whether the list is certainly whole.

        Raises `CdpListUnfinished` if at least one page was read but the time ran out before the last page.
        """
        end = self._end_time(within)
        items, is_whole, failure = self._order_items(order_ref, end)
        if isinstance(failure, CdpTimeout) and (
            failure.code == ErrorCode.TOTAL_TIMEOUT or time.monotonic() >= end
        ):
            raise CdpListUnfinished
        if failure is not None:
            raise failure
        return ListedRefs(tuple(item.ref for item in items), is_whole)

    def read_order_consumers(
        self, order_ref: str, *, within: float | None = None, details: bool = True
    ) -> ListedConsumers:
        """The consumers of an order with their data. `within`: seconds for everything.

        If the list has only references, the first `MAX_DETAILS` consumers are retrieved one by one, after the
        list, while time is left; none without `details`: then there are no more calls than for the
        references. Raises `CdpError` if not even the first page could be read; a later failure ends the
        reading.
        """
        end = self._end_time(within)
        items, is_whole, failure = self._order_items(order_ref, end)
        return ListedConsumers(
            refs=tuple(item.ref for item in items),
            consumers=self._with_data(items, end, limit=MAX_DETAILS if details else 0),
            has_ended=failure is None,
            is_whole=is_whole,
        )

    def _order_items(self, order_ref: str, end: float) -> tuple[list[Item], bool, CdpError | None]:
        """The entries listed until `end`, whether the list is whole, and the failure that ended it early.

        Raises `CdpError` if not even the first page could be read.
        """
        reader = self._reader(Path.fill(ORDER_CONSUMERS_OF_ORDER, order_ref=order_ref), {}, end)
        items: list[Item] = []
        failure: CdpError | None = None
        try:
            items.extend(reader)
        except CdpError as error:
            if not reader.has_read_page:
                raise
            failure = error
        return items, reader.is_whole, failure

    def _with_data(self, items: list[Item], end: float, *, limit: int) -> tuple[OrderConsumer, ...]:
        """The consumers of these entries; of those without data, the first `limit`, retrieved until `end`."""
        consumers: list[OrderConsumer] = []
        left = limit
        for item in items:
            if not item.bare:
                consumers.append(OrderConsumer.from_json(item.data))
            elif left > 0:
                left -= 1
                try:
                    consumers.append(
                        self._record(ORDER_CONSUMER, "consumer_ref", item.ref, OrderConsumer.from_json, end)
                    )
                except CdpNotFound:
                    continue
                except CdpError:
                    left = 0
        return tuple(consumers)

    def retrieve_order_consumer(self, ref: str, *, within: float | None = None) -> OrderConsumer:
        """Read one order consumer. `within`: seconds for the call."""
        return self._record(
            ORDER_CONSUMER, "consumer_ref", ref, OrderConsumer.from_json, self._end_time(within)
        )

    def list_orders(
        self, *, reference_id: str = "", guest_ref: str = "", within: float | None = None
    ) -> ListedOrders:
        """Orders by the organisation's order number or by guest. The number is not unique (contract 7.1).

        `within`: seconds for everything. Raises `ValueError` unless exactly one criterion is given.
        """
        query = _single_criterion({"referenceId": reference_id, "guestRef": guest_ref})
        end = self._end_time(within)
        reader = self._reader(Path.fill(ORDERS), query, end)
        orders = self._parsed(reader, Order.from_json, self._order, end)
        return ListedOrders(orders, reader.is_whole)

    def retrieve_order(self, ref: str, *, within: float | None = None) -> Order:
        """Read one order by its reference. `within`: seconds for the call."""
        return self._order(ref, self._end_time(within))

    def search_guests(
        self,
        *,
        email: str = "",
        order_reference_id: str = "",
        identifier: Identifier | None = None,
        within: float | None = None,
    ) -> ListedGuests:
        """Guests that match a criterion exactly (contract 9.1). `within`: seconds for everything.

        Raises `ValueError` unless exactly one criterion is given.
        """
        pair = (
            {"identifiers.provider": identifier.provider, "identifiers.id": identifier.id}
            if identifier
            else {}
        )
        single = {"email": email, "orderReferenceId": order_reference_id}
        if pair and any(single.values()):
            raise ValueError("exactly one criterion is needed")
        query = pair or _single_criterion(single)
        end = self._end_time(within)
        reader = self._reader(Path.fill(GUESTS), query, end)
        guests = self._parsed(reader, Guest.from_json, self._guest, end)
        return ListedGuests(guests, reader.is_whole)

    def guests_of_order(self, order_ref: str, *, within: float) -> tuple[Guest, ...]:
        """The guests of an order that the first page lists, at most `PAGE_SIZE`. `within`: seconds.

        An order has one guest, seldom a few: a second call, which shows that the list is whole, is not worth
        the time of the person who waits for it.
        """
        end = self._end_time(within)
        reader = self._reader(Path.fill(GUESTS), {"orderRef": order_ref}, end)
        return self._parsed(reader.first_page(), Guest.from_json, self._guest, end)

    def retrieve_guest(self, ref: str) -> Guest:
        """Read one guest by its reference."""
        return self._guest(ref, self._end_time())

    def is_own_link(self, href: str) -> bool:
        """Whether a link leads to the configured scheme, host and port. Other links are shown as text."""
        return isinstance(self._exchange, Exchange) and self._exchange.transport.base.owns(href)

    def names_another_region(self, text: str) -> bool:
        """Whether a text, such as a link, contains the host of a region of the vendor that is not ours."""
        own = self._exchange.transport.base.host if isinstance(self._exchange, Exchange) else ""
        return any(host in text.lower() for host in REGIONAL_HOSTS if host != own)

    def _wire(self) -> Exchange:
        if isinstance(self._exchange, CdpNotConfigured):
            # A new exception for each call: one that is raised repeatedly accumulates tracebacks.
            raise CdpNotConfigured(detail=self._exchange.detail)
        return self._exchange

    def _end_time(self, within: float | None = None) -> float:
        """The `time.monotonic` at which a call must end that begins now."""
        total = self._wire().limits.total
        return time.monotonic() + (total if within is None else min(within, total))

    def _order(self, ref: str, end: float) -> Order:
        return self._record(ORDER, "order_ref", ref, Order.from_json, end)

    def _guest(self, ref: str, end: float) -> Guest:
        return self._record(GUEST, "guest_ref", ref, Guest.from_json, end)

    def _record(self, template: str, name: str, ref: str, parse: Callable[[object], R], end: float) -> R:
        """Read the record with a reference. Raises `CdpAnotherRecord` if the answer is about another one."""

        def checked(data: object) -> R:
            record = parse(data)
            if reference_key(record.ref) != reference_key(ref):
                raise CdpAnotherRecord
            return record

        return self._wire().read(Path.fill(template, **{name: ref}), {}, checked, end=end).value

    def _reader(self, path: Path, query: dict[str, str], end: float) -> CollectionReader:
        """A reader of a collection that fetches its pages until `end` (`time.monotonic`)."""
        wire = self._wire()

        def fetch(ask: dict[str, str]) -> tuple[Page, bool]:
            answered = wire.read(path, ask, Page.from_json, end=end)
            return answered.value, answered.from_cache

        return CollectionReader(fetch, path=path, base=wire.transport.base, query=query)

    @staticmethod
    def _parsed(
        items: Iterable[Item], parse: Callable[[object], R], retrieve: Callable[[str, float], R], end: float
    ) -> tuple[R, ...]:
        """The records of entries; `end` is a `time.monotonic`.

        The first `MAX_DETAILS` entries without content are fetched one by one. One that is not found then (a
        retired guest) stays a bare reference.
        """
        records: list[R] = []
        fetched = 0
        for item in items:
            record = parse(item.data)
            if item.bare and fetched < MAX_DETAILS:
                fetched += 1
                with contextlib.suppress(CdpNotFound):
                    record = retrieve(item.ref, end)
            records.append(record)
        return tuple(records)


def _single_criterion(criteria: dict[str, str]) -> dict[str, str]:
    """The criteria with a value. Raises `ValueError` unless there is exactly one."""
    given = {name: value for name, value in criteria.items() if value}
    if len(given) != 1:
        raise ValueError("exactly one criterion is needed")
    return given
