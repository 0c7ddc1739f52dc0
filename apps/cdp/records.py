"""Orders and guests in the vendor's data. Only `ref` is certain; values that cannot be parsed are empty."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from apps.cdp.answers import Fields
from apps.cdp.consumers import Identifier, identifiers_of


@dataclass(frozen=True, slots=True)
class Order:
    """An order. `reference_id` is the organisation's order number, not unique (contract 7.1). Times: UTC."""

    ref: str
    href: str = ""
    reference_id: str = ""
    created_at: dt.datetime | None = None
    modified_at: dt.datetime | None = None
    ordered_at: dt.datetime | None = None
    price: Decimal | None = None
    currency_code: str = ""
    status: str = ""  # an open list: the vendor's own spellings
    channel: str = ""
    point_of_sale: str = ""
    payment_type: str = ""
    card_type: str = ""

    @classmethod
    def from_json(cls, data: object) -> Order:
        """Parse the vendor's JSON. Raises `CdpMalformedAnswer` if `ref` is missing or invalid."""
        fields = Fields(data)
        return cls(
            ref=fields.ref(),
            href=fields.href(),
            reference_id=fields.text("referenceId"),
            created_at=fields.moment("createdAt"),
            modified_at=fields.moment("modifiedAt"),
            ordered_at=fields.moment("orderedAt"),
            price=fields.number("price"),
            currency_code=fields.text("currencyCode"),
            status=fields.text("status"),
            channel=fields.text("channel"),
            point_of_sale=fields.text("pointOfSale"),
            payment_type=fields.text("paymentType"),
            card_type=fields.text("cardType"),
        )

    def to_json(self) -> dict[str, object]:
        """The vendor's JSON, without empty values. `from_json` reads it back.

        A price that is not a whole number keeps the 15 digits that a float has for certain.
        """
        data = {
            "ref": self.ref,
            "href": self.href,
            "referenceId": self.reference_id,
            "createdAt": self.created_at.isoformat() if self.created_at else "",
            "modifiedAt": self.modified_at.isoformat() if self.modified_at else "",
            "orderedAt": self.ordered_at.isoformat() if self.ordered_at else "",
            "price": None if self.price is None else _json_number(self.price),
            "currencyCode": self.currency_code,
            "status": self.status,
            "channel": self.channel,
            "pointOfSale": self.point_of_sale,
            "paymentType": self.payment_type,
            "cardType": self.card_type,
        }
        return {name: value for name, value in data.items() if value not in ("", None)}


@dataclass(frozen=True, slots=True, repr=False)
class Guest:
    """A guest: the person that order consumers were matched to. Times are UTC."""

    ref: str
    href: str = ""
    guest_type: str = ""  # visitor, customer, traveller or retired
    created_at: dt.datetime | None = None
    modified_at: dt.datetime | None = None
    first_seen: dt.datetime | None = None
    last_seen: dt.datetime | None = None
    title: str = ""
    first_name: str = ""
    last_name: str = ""
    gender: str = ""
    date_of_birth: dt.date | None = None
    email: str = ""
    emails: tuple[str, ...] = ()
    phone_numbers: tuple[str, ...] = ()
    language: str = ""
    nationality: str = ""
    passport_number: str = ""
    passport_expiry: dt.date | None = None
    street: tuple[str, ...] = ()
    city: str = ""
    state: str = ""
    post_code: str = ""
    country: str = ""
    identifiers: tuple[Identifier, ...] = ()

    def __repr__(self) -> str:
        return f"Guest(ref={self.ref!r}, <personal data>)"

    @classmethod
    def from_json(cls, data: object) -> Guest:
        """Parse the vendor's JSON (contract 9.2). Raises `CdpMalformedAnswer` without a valid `ref`."""
        fields = Fields(data)
        return cls(
            ref=fields.ref(),
            href=fields.href(),
            guest_type=fields.text("guestType"),
            created_at=fields.moment("createdAt"),
            modified_at=fields.moment("modifiedAt"),
            first_seen=fields.moment("firstSeen"),
            last_seen=fields.moment("lastSeen"),
            title=fields.text("title"),
            first_name=fields.text("firstName"),
            last_name=fields.text("lastName"),
            gender=fields.text("gender"),
            date_of_birth=fields.date("dateOfBirth"),
            email=fields.text("email"),
            emails=fields.texts("emails"),
            phone_numbers=fields.texts("phoneNumbers"),
            language=fields.text("language"),
            nationality=fields.text("nationality"),
            passport_number=fields.text("passportNumber"),
            passport_expiry=fields.date("passportExpiry"),
            street=fields.texts("street"),
            city=fields.text("city"),
            state=fields.text("state"),
            post_code=fields.text("postCode"),
            country=fields.text("country"),
            identifiers=identifiers_of(fields),
        )


def _json_number(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)
