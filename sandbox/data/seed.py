"""The orders of a new sandbox, with their contacts and consumers. `docs/sandbox.md` lists them."""

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from sandbox.data.identity_rules import guest_keys
from sandbox.data.seed_guests import GUESTS, SeedGuest
from sandbox.data.store import JsonObject, StoredConsumer, Transaction

SAMPLE_ORDER = "2d7de9df-45a2-45ea-872c-30e45139007d"  # the vendor's own example, and the form's hint
SAMPLE_REFERENCE_ID = "B94TXY-1"
GROUP_ORDER = "b21b1c2e-1f61-41bc-acb7-0dd842762334"  # more consumers than one page of ten
FAMILY_ORDER = "3ceb0831-8744-4e92-ad93-36c0f9c4b930"
REPEATED_REFERENCE_ID = "HTL-204417"  # recycled: two orders have it
ORDERS_SHARING_REFERENCE_ID = (
    "b338afd6-b776-4568-a9ca-4bb956e78ec7",
    "ea44bd0d-405e-4311-8b68-dba7a2bb831d",
)
TRIPLE_REFERENCE_ID = "B6TRIO-1"  # three orders have it
ORDERS_WITH_TRIPLE_REFERENCE_ID = (
    "6a0f3c55-0f27-4c0c-9d0e-7d2c1b9a4e01",
    "6a0f3c55-0f27-4c0c-9d0e-7d2c1b9a4e02",
    "6a0f3c55-0f27-4c0c-9d0e-7d2c1b9a4e03",
)
# Orders with many consumers, and how many; beside them one with a single consumer.
CROWDED_ORDERS = {
    "c0de0001-5f0e-4a3b-8c1d-2b6f9e7a0001": 1,
    "c0de0050-5f0e-4a3b-8c1d-2b6f9e7a0050": 50,
    "c0de0500-5f0e-4a3b-8c1d-2b6f9e7a0500": 500,
}
CANCELLED_ORDER = "670c1cd3-5555-4e31-84be-37c1dfe6c55b"

# Orders for faults that a person at the form may want to see: every create on such an order has its fault.
FAULT_ORDERS = {
    "no_answer_after": "fa017000-0000-4000-8000-000000000001",
    "no_answer_before": "fa017000-0000-4000-8000-000000000002",
    "reset_after": "fa017000-0000-4000-8000-000000000003",
    "reset_before": "fa017000-0000-4000-8000-000000000004",
    "500_after": "fa017000-0000-4000-8000-000000000005",
    "500_before": "fa017000-0000-4000-8000-000000000006",
    "503_html_after": "fa017000-0000-4000-8000-000000000007",
    "503_html_before": "fa017000-0000-4000-8000-000000000008",
    "no_ref": "fa017000-0000-4000-8000-000000000009",
    "truncated_json": "fa017000-0000-4000-8000-000000000010",
    "401": "fa017000-0000-4000-8000-000000000011",
    "403_html": "fa017000-0000-4000-8000-000000000012",
    "404": "fa017000-0000-4000-8000-000000000013",
    "409": "fa017000-0000-4000-8000-000000000014",
    "429": "fa017000-0000-4000-8000-000000000015",
    "slow": "fa017000-0000-4000-8000-000000000016",
}


@dataclass(frozen=True, slots=True)
class SeedOrder:
    """One order; `contact` and `consumers` are positions in GUESTS, `items` a number of order items."""

    ref: str
    reference_id: str
    ordered_at: str
    price: float
    currency: str
    point_of_sale: str
    channel: str
    status: str
    contact: int
    consumers: tuple[int, ...] = ()
    items: int = 1


def fault_reference_id(fault: str) -> str:
    """The reference id of a fault's order, for example FAULT-RESET-AFTER."""
    return f"FAULT-{fault.upper().replace('_', '-')}"


_AIR, _STAY, _SHOW = "Example Airways", "Example Hotels", "Example Tickets"

# fmt: off
ORDERS = (
    SeedOrder(SAMPLE_ORDER, SAMPLE_REFERENCE_ID, "2026-09-03T08:15:00Z", 412.5, "EUR", _AIR, "WEB",
        "PURCHASED", 0),
    SeedOrder(GROUP_ORDER, "B7KQ2M-1", "2026-08-21T13:40:00Z", 5320.0, "EUR", _AIR, "CALL_CENTER",
        "CONFIRMED", 8, tuple(range(8, 22)), 2),
    SeedOrder(FAMILY_ORDER, "B4LNDQ-1", "2026-10-01T18:05:00Z", 1288.8, "SEK", _AIR, "WEB", "PURCHASED", 3,
        (3, 4, 5), 2),
    SeedOrder(ORDERS_SHARING_REFERENCE_ID[0], REPEATED_REFERENCE_ID, "2024-04-12T09:00:00Z", 340.0, "GBP",
        _STAY, "OTA", "CONFIRMED", 12),
    SeedOrder(ORDERS_SHARING_REFERENCE_ID[1], REPEATED_REFERENCE_ID, "2026-04-30T16:20:00Z", 510.0, "GBP",
        _STAY, "WEB", "CONFIRMED", 2, (2, 26)),
    SeedOrder(CANCELLED_ORDER, "TKT-9910", "2026-07-07T10:10:10Z", 88.0, "EUR", _SHOW, "MOBILE_APP",
        "CANCELLED", 6),
    SeedOrder("6f877ca9-8a42-427f-b0d3-79d72f8cbeb2", "B5ZZPA-1", "2026-06-18T05:55:00Z", 219.99, "EUR",
        _AIR, "WEB", "PURCHASED", 6, (6, 27)),
    SeedOrder("adff32f5-35dd-4954-a7f8-022a4eedef2a", "B5ZZPA-2", "2026-06-18T06:02:00Z", 45.0, "EUR", _AIR,
        "WEB", "PURCHASED", 6),
    SeedOrder("396dfa33-6763-4f9c-8484-f9d69de18a44", "B1DRUM-1", "2026-05-02T11:31:00Z", 764.0, "GBP",
        _AIR, "CALL_CENTER", "PURCHASED", 8, (8, 16, 15), 2),
    SeedOrder("7f11ee19-d49d-4a71-a615-dc020b7ef25e", "B3FERR-1", "2026-09-14T22:48:00Z", 1904.2, "USD",
        _AIR, "WEB", "PURCHASED", 1, (1, 25), 4),
    SeedOrder("0f66fa84-1834-49be-b913-63081216b6dc", "B8MRSK-1", "2026-11-02T03:12:00Z", 2210.0, "USD",
        _AIR, "MOBILE_WEB", "RESERVED", 10, (10,), 2),
    SeedOrder("76dca866-649b-4809-8780-b8cf55034265", "B8AGTW-1", "2026-11-19T17:00:00Z", 133.0, "AUD",
        _AIR, "GDS", "PAYMENT_PENDING", 17),
    SeedOrder("7c77833f-338f-4aab-b1c8-046a3c6dd345", "HTL-204981", "2026-10-22T12:00:00Z", 270.0, "EUR",
        _STAY, "WEB", "CONFIRMED", 11),
    SeedOrder("e4631b55-3fde-45b4-a886-904732dce811", "HTL-205002", "2026-11-05T07:45:00Z", 1320.0, "EUR",
        _STAY, "OTA", "CONFIRMED", 9, (9,), 3),
    SeedOrder("c86308a3-429b-4def-959c-11d466f6d437", "HTL-205117", "2026-11-20T20:20:00Z", 96.5, "USD",
        _STAY, "MOBILE_APP", "PURCHASED", 13),
    SeedOrder("05c8d825-4589-4289-8e69-2bf19b26be74", "HTL-203300", "2026-02-11T14:14:00Z", 610.0, "GBP",
        _STAY, "BRANCH", "REFUNDED", 20),
    SeedOrder("cf6f4db3-5497-4bda-913b-7c4fd711cad0", "TKT-10442", "2026-09-29T19:30:00Z", 150.0, "GBP",
        _SHOW, "WEB", "PURCHASED", 7, (7, 28), 2),
    SeedOrder("52c78612-cc65-4109-b6ec-730b5ab4e22f", "TKT-10443", "2026-09-29T19:34:00Z", 75.0, "GBP",
        _SHOW, "WEB", "PURCHASED", 21),
    SeedOrder("265aad9d-9891-4efe-bf2e-a35374d7a291", "TKT-10871", "2026-11-11T11:11:00Z", 62.4, "EUR",
        _SHOW, "KIOSK", "PURCHASED", 18),
    SeedOrder("ce3bdd3e-61ea-4d36-9c64-19b18d885add", "TKT-11003", "2026-11-21T21:00:00Z", 240.0, "EUR",
        _SHOW, "OFFLINE", "PENDING", 14, (), 4),
    SeedOrder(ORDERS_WITH_TRIPLE_REFERENCE_ID[0], TRIPLE_REFERENCE_ID, "2024-05-06T07:30:00Z", 180.0, "EUR",
        _AIR, "CALL_CENTER", "REFUNDED", 18),
    SeedOrder(ORDERS_WITH_TRIPLE_REFERENCE_ID[1], TRIPLE_REFERENCE_ID, "2025-06-11T15:10:00Z", 204.0, "EUR",
        _AIR, "WEB", "CANCELLED", 18),
    SeedOrder(ORDERS_WITH_TRIPLE_REFERENCE_ID[2], TRIPLE_REFERENCE_ID, "2026-10-19T06:45:00Z", 236.4, "EUR",
        _AIR, "MOBILE_APP", "PURCHASED", 18, (18,)),
    *(
        SeedOrder(ref, f"CROWD-{size}", "2026-11-10T10:00:00Z", 49.0 * size, "EUR", _SHOW, "GDS",
            "PURCHASED", 21)
        for ref, size in CROWDED_ORDERS.items()
    ),
    *(
        SeedOrder(ref, fault_reference_id(fault), "2026-11-01T12:00:00Z", 100.0, "EUR", _AIR, "WEB",
            "PURCHASED", 0)
        for fault, ref in FAULT_ORDERS.items()
    ),
)
# fmt: on


def derived_ref(*parts: str) -> str:
    """A reference that is the same in every sandbox (a UUID of version 5, RFC 9562)."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(("https://sandbox.example", *parts))))


def consumer_ref(order_ref: str, guest_ref: str) -> str:
    """The reference of a guest's seeded consumer on an order."""
    return derived_ref("consumers", order_ref, guest_ref)


def fill(tx: Transaction) -> None:
    """Add every seeded record that is missing from the file; existing records stay as they are."""
    for guest in GUESTS:
        tx.add_guest(guest.ref, _guest_body(guest), guest_keys(guest.person()))
    for order in ORDERS:
        if tx.add_order(order.ref, order.reference_id, _order_body(order)):
            _add_people(tx, order)
            tx.add_consumers(_crowd(order))


def _add_people(tx: Transaction, order: SeedOrder) -> None:
    contact = GUESTS[order.contact].ref
    tx.add_contact(derived_ref("contacts", order.ref, contact), order.ref, contact)
    for position in order.consumers:
        guest = GUESTS[position]
        tx.add_consumer(
            StoredConsumer(
                ref=consumer_ref(order.ref, guest.ref),
                order_ref=order.ref,
                guest_ref=guest.ref,
                body=json.dumps(guest.person(), ensure_ascii=False),
                guest_effect="seeded",
                matched_by="",
                created_at=datetime.fromisoformat(order.ordered_at).astimezone(UTC),
            )
        )


@cache
def _crowd(order: SeedOrder) -> tuple[StoredConsumer, ...]:
    """The consumers of an order with many, all of different names, and all matched to its contact.

    Computed once: tests start many sandboxes.
    """
    return tuple(
        StoredConsumer(
            ref=f"{order.ref[:-8]}{number:08x}",
            order_ref=order.ref,
            guest_ref=GUESTS[order.contact].ref,
            body=json.dumps(_crowd_person(number), ensure_ascii=False),
            guest_effect="seeded",
            matched_by="",
            created_at=datetime.fromisoformat(order.ordered_at).astimezone(UTC),
        )
        for number in range(CROWDED_ORDERS.get(order.ref, 0))
    )


def _crowd_person(number: int) -> JsonObject:
    return {
        "firstName": _FIRST_NAMES[number % len(_FIRST_NAMES)],
        "lastName": _LAST_NAMES[number // len(_FIRST_NAMES)],
        "dateOfBirth": f"{1950 + number % 60}-{1 + number % 12:02}-{1 + number % 28:02}T00:00:00Z",
    }


_FIRST_NAMES = (
    "Anna", "Ben", "Chiara", "Dmitri", "Elif", "Fergus", "Gudrun", "Hugo", "Inês", "Jakub", "Karin", "Liam",
    "Maeve", "Noor", "Oskar", "Petra", "Quentin", "Rosa", "Samir", "Tuula", "Uwe", "Vera", "Wim", "Yusuf",
    "Zita",
)  # fmt: skip
_LAST_NAMES = (
    "Abbott", "Bianchi", "Carvalho", "Dvořák", "Eriksen", "Fischer", "Gallagher", "Horváth", "Ivanova",
    "Jansen", "Kowalska", "Lefèvre", "Murphy", "Nowak", "Ortiz", "Petrović", "Rossi", "Silva", "Tamm",
    "Weber",
)  # fmt: skip


def _order_body(order: SeedOrder) -> JsonObject:
    return {
        "createdAt": order.ordered_at,
        "modifiedAt": order.ordered_at,
        "orderedAt": order.ordered_at,
        "price": order.price,
        "currencyCode": order.currency,
        "referenceId": order.reference_id,
        "paymentType": "Card",
        "cardType": "Visa",
        "pointOfSale": order.point_of_sale,
        "channel": order.channel,
        "status": order.status,
        "orderItems": [derived_ref("items", order.ref, str(number)) for number in range(order.items)],
    }


def _guest_body(guest: SeedGuest) -> JsonObject:
    return {
        "guestType": guest.guest_type,
        "createdAt": "2025-01-15T09:00:00.000Z",
        "modifiedAt": "2026-03-01T09:00:00.000Z",
        "firstSeen": "2025-01-15T09:00:00.000Z",
        "lastSeen": "2026-11-01T09:00:00.000Z",
        **guest.person(),
    }
