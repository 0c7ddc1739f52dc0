"""Complete consumers, different each time, and orders without consumers."""

from __future__ import annotations

import datetime
import itertools
import uuid
from collections.abc import Iterator

from apps.cdp.consumers import Identifier, NewConsumer

_numbers = itertools.count(1)


def consumer() -> NewConsumer:
    """A new consumer with every field filled: two addresses, two phone numbers, two identifiers."""
    number = next(_numbers)
    name = uuid.uuid4().hex[:12]
    return NewConsumer(
        title="Dr",
        first_name="Aoife",
        last_name=f"Bench-{name}",
        gender="female",
        date_of_birth=datetime.date(1991, 3, 7),
        emails=(f"{name}@example.com", f"{name}@example.org"),
        phone_numbers=(f"+35385{number % 10**7:07}", "+442079460018"),
        nationality="Irish",
        passport_number=f"PX{number:07}",
        country="IE",
        identifiers=(Identifier("ProfileSystem", f"P-{name}"), Identifier("LoyaltyProgramme", f"L-{name}")),
    )


def posted(order_ref: str, new: NewConsumer) -> dict[str, str]:
    """The form data for this consumer; the browser adds the CSRF token."""
    born = new.date_of_birth
    return {
        "token": str(uuid.uuid4()),
        "order_ref": order_ref,
        "title": new.title,
        "first_name": new.first_name,
        "last_name": new.last_name,
        "gender": new.gender,
        "date_of_birth": f"{born.day} {born.month} {born.year}" if born else "",
        "nationality": new.nationality,
        "passport_number": new.passport_number,
        "country": new.country,
        **_rows("emails", [{"value": email} for email in new.emails]),
        **_rows("phone_numbers", [{"value": number} for number in new.phone_numbers]),
        **_rows("identifiers", [{"provider": item.provider, "id": item.id} for item in new.identifiers]),
    }


def _rows(prefix: str, rows: list[dict[str, str]]) -> dict[str, str]:
    counts = {f"{prefix}-TOTAL_FORMS": str(len(rows)), f"{prefix}-INITIAL_FORMS": "0"}
    values = {
        f"{prefix}-{index}-{name}": value for index, row in enumerate(rows) for name, value in row.items()
    }
    return {**counts, **values}


class Orders:
    """Hands out each order once: existing consumers on an order make its next create slower."""

    def __init__(self, refs: list[str]) -> None:
        self._refs: Iterator[str] = iter(refs)

    def next(self) -> str:
        """An order without consumers. Raises ``StopIteration`` when all are used. Thread-safe."""
        return next(self._refs)

    def several(self, count: int) -> list[str]:
        """That many orders, for another process."""
        return list(itertools.islice(self._refs, count))
