"""Values that are not sent as typed, for the audit event of the send and for the receipt."""

from __future__ import annotations

import re

from apps.consumers.emails import split_addresses
from apps.consumers.phones import split_numbers
from apps.consumers.value_lists import Normalisation


def normalisations(name: str, typed: str, visible: str, sent: tuple[str, ...]) -> frozenset[Normalisation]:
    """How the values that are sent for a field differ from what was typed.

    ``visible``: the typed text without invisible characters and surrounding blanks.
    """
    found = set()
    if _without_blanks(typed) != _without_blanks(visible):
        found.add(Normalisation.INVISIBLE)
    if name == "emails":
        addresses = split_addresses(visible)
        if re.sub(r"[,;\s]", "", visible) != "".join(addresses):
            found.add(Normalisation.ADDRESS_ONLY)
        if addresses != sent:
            found.add(Normalisation.DOMAIN_CASE)
    elif name == "phone_numbers":
        if split_numbers(visible) != list(sent):
            found.add(Normalisation.E164)
    else:
        if _blanks(typed) != _blanks(visible):
            found.add(Normalisation.BLANKS)
        if (visible,) != sent:
            found.add(Normalisation.UPPER_CASE)
    return frozenset(found)


def _without_blanks(text: str) -> str:
    return "".join(text.split())


def _blanks(text: str) -> list[str]:
    return re.findall(r"\s", text)
