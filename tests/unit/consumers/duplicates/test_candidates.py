"""Which records are compared: how much of a record is stored to find similar ones."""

from __future__ import annotations

import string

from apps.cdp.consumers import Identifier, NewConsumer
from apps.consumers.duplicates.candidates import Candidates
from apps.consumers.duplicates.facts import Facts

EVERY_INITIAL = " ".join(string.ascii_lowercase + string.digits)


def test_record_of_many_contacts_and_initials_is_stored_once_for_each_contact() -> None:
    person = NewConsumer(
        EVERY_INITIAL,
        EVERY_INITIAL,
        emails=tuple(f"{number}@example.com" for number in range(20)),
        phone_numbers=tuple(f"+3538512345{number}" for number in range(10, 30)),
        identifiers=tuple(Identifier("P", f"{number}@example.org") for number in range(60)),
    )
    candidates: Candidates[int] = Candidates()
    candidates.add(1, Facts(person))
    assert len(candidates._in_contact) == 100
    assert len(candidates._found) < 10
    assert candidates.of(Facts(NewConsumer("Zoë", "Adams", emails=("7@example.com",)))) == {1}
    assert candidates.of(Facts(NewConsumer("Ö", "Ö", emails=("7@example.com",)))) == {1}
    assert candidates.of(Facts(NewConsumer("Zoë", "Adams", emails=("other@example.com",)))) == set()
    assert candidates.of(Facts(NewConsumer("李", "Щ", emails=("7@example.net",)))) == set()


def test_people_with_an_address_in_common_are_found_by_name_or_initials() -> None:
    candidates: Candidates[str] = Candidates()
    for first, last in (("Anna", "Berg"), ("Anders", "Bo"), ("Carla", "Berg"), ("Ана", "Диас")):
        address = ("office@example.com",)
        candidates.add(f"{first} {last}", Facts(NewConsumer(first, last, emails=address)))
    found = candidates.of(Facts(NewConsumer("Anna", "Brandt", emails=("office@example.com",))))
    assert found == {"Anna Berg", "Anders Bo"}
    assert candidates.of(Facts(NewConsumer("Anna", "Xu", emails=("office@example.com",)))) == {"Anna Berg"}
