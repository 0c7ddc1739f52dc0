"""The fields of a consumer: their names here and at the vendor, and the shape of their values.

Everything that depends on the list of fields is derived from this table: JSON, form, labels, comparison,
export columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final


class Shape(Enum):
    """What the value of a field is."""

    TEXT = auto()
    DATE = auto()
    TEXTS = auto()  # a list of texts
    IDENTIFIERS = auto()  # a list of provider and id

    @property
    def is_list(self) -> bool:
        """Whether a field of this shape has any number of values."""
        return self in (Shape.TEXTS, Shape.IDENTIFIERS)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of `NewConsumer` and `OrderConsumer`: the attribute's name, and the vendor's JSON name."""

    name: str
    vendor_name: str
    shape: Shape = Shape.TEXT


# Vendor: the create-order-consumer page. In the order of our form.
FIELDS: Final = (
    Field("title", "title"),
    Field("first_name", "firstName"),
    Field("last_name", "lastName"),
    Field("gender", "gender"),
    Field("date_of_birth", "dateOfBirth", Shape.DATE),
    Field("emails", "emails", Shape.TEXTS),
    Field("phone_numbers", "phoneNumbers", Shape.TEXTS),
    Field("nationality", "nationality"),
    Field("passport_number", "passportNumber"),
    Field("country", "country"),
    Field("identifiers", "identifiers", Shape.IDENTIFIERS),
)
NAMES: Final = tuple(field.name for field in FIELDS)
VENDOR_NAMES: Final = {field.name: field.vendor_name for field in FIELDS}
NAME_OF_VENDOR_NAME: Final = {field.vendor_name: field.name for field in FIELDS}


def names_of(*shapes: Shape) -> dict[str, str]:
    """Our name and the vendor's name of every field of these shapes."""
    return {field.name: field.vendor_name for field in FIELDS if field.shape in shapes}
