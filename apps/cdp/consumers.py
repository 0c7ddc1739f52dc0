"""Order consumers as sent to the vendor and as received from it (vendor: create-order-consumer page)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from apps.cdp.answers import Fields, date_part, ref_from_href
from apps.cdp.fields import NAME_OF_VENDOR_NAME, VENDOR_NAMES, Shape, names_of

T = TypeVar("T")

_TEXTS = names_of(Shape.TEXT)
_LISTS = names_of(Shape.TEXTS)

# Serialised in place of a `createdAt` that could not be parsed.
_UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, repr=False)
class Identifier:
    """An identifier that matches a person to a guest: a provider of the identity rules and an id there."""

    provider: str
    id: str

    def __repr__(self) -> str:
        return "Identifier(<personal data>)"

    def to_json(self) -> dict[str, object]:
        """The vendor's JSON."""
        return {"provider": self.provider, "id": self.id}


@dataclass(frozen=True, slots=True, repr=False)
class NewConsumer:
    """A person to add to an order: the body of the create request. Values are sent unchanged."""

    first_name: str
    last_name: str
    title: str = ""
    gender: str = ""
    date_of_birth: dt.date | None = None
    emails: tuple[str, ...] = ()
    phone_numbers: tuple[str, ...] = ()
    nationality: str = ""
    passport_number: str = ""
    country: str = ""
    identifiers: tuple[Identifier, ...] = ()

    def __repr__(self) -> str:
        return "NewConsumer(<personal data>)"

    def to_json(self) -> dict[str, object]:
        """The vendor's JSON. Empty fields are omitted, because their effect is not documented."""
        return _person_to_json(self)

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> NewConsumer:
        """The inverse of `to_json`.

        Raises `ValueError` for an unknown name, a value of a wrong type, or a date that cannot be read.
        """
        values: dict[str, object] = {}
        for name, vendor_name in _TEXTS.items():
            values[name] = _of_type(str, data.get(vendor_name, ""))
        for name, vendor_name in _LISTS.items():
            values[name] = tuple(_of_type(str, item) for item in _of_type(list, data.get(vendor_name, [])))
        written = _of_type(str, data.get(VENDOR_NAMES["date_of_birth"], ""))
        values["date_of_birth"] = date_part(written)
        pairs = [_of_type(dict, item) for item in _of_type(list, data.get(VENDOR_NAMES["identifiers"], []))]
        values["identifiers"] = tuple(
            Identifier(_of_type(str, pair.get("provider")), _of_type(str, pair.get("id"))) for pair in pairs
        )
        if not NAME_OF_VENDOR_NAME.keys() >= data.keys() or (written and values["date_of_birth"] is None):
            raise ValueError("not the JSON form of a new consumer")
        return cls(**values)  # type: ignore[arg-type]  # each value was checked above


@dataclass(frozen=True, slots=True, repr=False)
class OrderConsumer:
    """An order consumer in the vendor's data. Only `ref` is certain; values that cannot be parsed are empty.

    `is_created_at_unreadable`: the vendor sent a `createdAt` that could not be parsed. Unlike a missing one,
    it may be any moment.

    `order_items`, `order_href` and `guest_href` are the vendor's links, possibly to another host: show them
    as text unless `CdpClient.is_own_link` is true. The order's reference cannot be derived from `order_href`
    (contract 3.3).
    """

    ref: str
    href: str = ""
    title: str = ""
    first_name: str = ""
    last_name: str = ""
    gender: str = ""
    date_of_birth: dt.date | None = None
    emails: tuple[str, ...] = ()
    phone_numbers: tuple[str, ...] = ()
    nationality: str = ""
    passport_number: str = ""
    country: str = ""
    order_items: tuple[str, ...] = ()
    order_href: str = ""
    guest_href: str = ""
    guest_ref: str = ""
    identifiers: tuple[Identifier, ...] = ()
    created_at: dt.datetime | None = None
    is_created_at_unreadable: bool = False

    def __repr__(self) -> str:
        return f"OrderConsumer(ref={self.ref!r}, <personal data>)"

    @classmethod
    def from_json(cls, data: object) -> OrderConsumer:
        """Parse the vendor's JSON, v2.1 or v2. Raises `CdpMalformedAnswer` if `ref` is missing or invalid."""
        fields = Fields(data)
        guest_href = fields.inner("guest").href()
        created_at = fields.moment("createdAt")
        values: dict[str, Any] = {name: fields.text(vendor_name) for name, vendor_name in _TEXTS.items()}
        values |= {name: fields.texts(vendor_name) for name, vendor_name in _LISTS.items()}
        return cls(
            ref=fields.ref(),
            href=fields.href(),
            **values,
            date_of_birth=fields.date(VENDOR_NAMES["date_of_birth"]),
            order_items=_order_items(fields.inner("orderItems")),
            order_href=fields.inner("order").href(),
            guest_href=guest_href,
            guest_ref=ref_from_href(guest_href),
            identifiers=identifiers_of(fields),
            created_at=created_at,
            is_created_at_unreadable=created_at is None and fields.value("createdAt") not in (None, ""),
        )

    def to_json(self) -> dict[str, object]:
        """The vendor's v2.1 JSON, without empty values."""
        data: dict[str, object] = {"ref": self.ref, "href": self.href, **_person_to_json(self)}
        data["orderItems"] = (
            {"orderItems": [{"href": href} for href in self.order_items]} if self.order_items else ""
        )
        data["order"] = {"href": self.order_href} if self.order_href else ""
        data["guest"] = {"href": self.guest_href} if self.guest_href else ""
        data["createdAt"] = self.created_at.isoformat() if self.created_at else ""
        if self.is_created_at_unreadable:
            data["createdAt"] = _UNREADABLE
        return {name: value for name, value in data.items() if value}


@dataclass(frozen=True, slots=True)
class Creation:
    """A successful create: the consumer, and the HTTP status (200 or 201, contract 3.3)."""

    consumer: OrderConsumer
    http_status: int


def identifiers_of(fields: Fields) -> tuple[Identifier, ...]:
    """The identifiers of a consumer or guest that have both provider and id."""
    pairs = ((pair.text("provider"), pair.text("id")) for pair in fields.objects("identifiers"))
    return tuple(Identifier(provider, id_) for provider, id_ in pairs if provider and id_)


def _order_items(fields: Fields) -> tuple[str, ...]:
    # v2.1 nests the list under its own name, v2 under `items` (contract 3.3).
    for name in ("orderItems", "items"):
        hrefs = tuple(filter(None, (item.href() for item in fields.objects(name))))
        if hrefs:
            return hrefs
    return ()


def _person_to_json(person: NewConsumer | OrderConsumer) -> dict[str, object]:
    """The vendor's JSON of the fields in `apps.cdp.fields`, without empty values."""
    data: dict[str, object] = {vendor_name: getattr(person, name) for name, vendor_name in _TEXTS.items()}
    for name, vendor_name in _LISTS.items():
        data[vendor_name] = [item for item in getattr(person, name) if item]
    born = person.date_of_birth
    data[VENDOR_NAMES["date_of_birth"]] = f"{born.isoformat()}T00:00:00Z" if born else ""
    data[VENDOR_NAMES["identifiers"]] = [identifier.to_json() for identifier in person.identifiers]
    return {name: value for name, value in data.items() if value}


def _of_type(kind: type[T], value: object) -> T:
    if not isinstance(value, kind):
        raise ValueError("not the JSON form of a new consumer")
    return value
