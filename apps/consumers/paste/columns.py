"""Which field a column of a spreadsheet goes to: by its header, or guessed from its value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache

from django.conf import settings
from django.utils.translation import get_language

from apps.cdp.fields import NAME_OF_VENDOR_NAME
from apps.consumers import emails, phones, value_lists
from apps.consumers.demonyms import DEMONYMS
from apps.consumers.fields import FIELD_LABELS
from apps.consumers.paste.cells import gender_of, title_of
from apps.consumers.paste.gender_words import is_also_a_name
from apps.consumers.paste.header_words import HEADER_WORDS, NEXT_TO_A_FIRST_NAME
from apps.consumers.paste.rows import Row, header_key
from apps.core import dates
from apps.core.references import UUID_SHAPED
from apps.core.text import similar_key

IDENTIFIER_PROVIDER, IDENTIFIER_ID = "identifier_provider", "identifier_id"
PROVIDER_PREFIX = "identifier:"
"""Begins the target of a column with the identifiers of one provider."""
REPEATABLE_TARGETS = frozenset({"emails", "phone_numbers"})
TARGETS = (
    "order_ref",
    *(name for name in FIELD_LABELS if name != "identifiers"),
    IDENTIFIER_PROVIDER,
    IDENTIFIER_ID,
)
"""The fields that a column can go to, in the order of the form."""


def header_keys(providers: tuple[str, ...]) -> frozenset[str]:
    """The keys of all headers that name a field, or one of the identifier providers on offer."""
    return frozenset({*_known_headers(get_language()), *map(header_key, providers)} - {""})


def known_headers(providers: tuple[str, ...]) -> dict[str, str]:
    """The target of each header that names one by its key. ``providers``: the identifier providers on offer.

    A key is without the number at the end, so it does not name a provider with such a number: CRM2 is not
    CRM1. Nor does a key that several providers have, or an empty one.
    """
    count = Counter(map(header_key, providers))
    offered = {
        key: f"{PROVIDER_PREFIX}{name}"
        for name in providers
        if (key := header_key(name)) and count[key] == 1 and not name[-1].isdigit()
    }
    return {**offered, **_known_headers(get_language())}


@lru_cache(maxsize=8)
def _known_headers(_language: str | None) -> dict[str, str]:
    found = {word: target for target, words in HEADER_WORDS.items() for word in words.split()}
    found |= {header_key(name): name for name in TARGETS}
    labels = {header_key(str(label)): name for name, label in FIELD_LABELS.items() if name in TARGETS}
    vendor = {header_key(vendor): name for vendor, name in NAME_OF_VENDOR_NAME.items() if name in TARGETS}
    return found | labels | vendor


def targets_of_headers(headers: tuple[str, ...], providers: tuple[str, ...]) -> tuple[str, ...]:
    """The target of each header, empty if the header is not known.

    The exact name of a provider names it, unless it is also the name of a field.
    """
    known, of_fields = known_headers(providers), _known_headers(get_language())
    exact = {name: f"{PROVIDER_PREFIX}{name}" for name in providers if header_key(name) not in of_fields}
    keys = [header_key(header) for header in headers]
    if "first_name" in map(known.get, keys) and "last_name" not in map(known.get, keys):
        known |= dict.fromkeys(NEXT_TO_A_FIRST_NAME, "last_name")
    return tuple(
        exact.get(header.strip()) or known.get(key, "") for header, key in zip(headers, keys, strict=True)
    )


def is_target(text: str, providers: tuple[str, ...]) -> bool:
    """Whether a column can go to this target."""
    return text in TARGETS or text in {f"{PROVIDER_PREFIX}{name}" for name in providers}


def fits(text: str, target: str) -> bool:
    """Whether a cell's value, which is not blank, may belong to this one of :data:`RECOGNISED`."""
    return bool(_GUESSES[target](text.strip()))


def guessed_targets(row: Row) -> tuple[str, ...]:
    """The target of each cell whose value belongs to one kind of field, otherwise empty. Never a name."""
    return tuple(_guess(cell.strip()) for cell in row.cells)


def _guess(text: str) -> str:
    if not text:
        return ""
    fitting = (target for target, fits in _GUESSES.items() if fits(text))
    return next(fitting, "")


def _all(fits: Callable[[str], object], values: Sequence[str]) -> bool:
    return bool(values) and all(map(fits, values))


def _is_date(text: str) -> bool:
    """Whether the text is a date with separators. Eight digits may also be a number."""
    with suppress(ValueError):
        dates.read_date(text, month_first=settings.DATE_ORDER == "month-day")
        return not text.isdecimal()
    return False


@lru_cache(maxsize=1)
def _demonyms() -> frozenset[str]:
    return frozenset(similar_key(word) for words in DEMONYMS.values() for word in words)


@lru_cache(maxsize=8)
def _country_names(_language: str | None) -> frozenset[str]:
    return frozenset(similar_key(label) for code, label in value_lists.country_choices() if code)


def _is_gender(text: str) -> bool:
    is_name_or_letter = len(text) == 1 or is_also_a_name(text)  # M may also be an initial or a size
    return bool(gender_of(text)) and not is_name_or_letter


def _is_phone_number(text: str) -> bool:
    return text.startswith(("+", "0", "(")) and _all(phones.e164, phones.split_numbers(text))


# The first that fits counts.
_GUESSES: dict[str, Callable[[str], object]] = {
    "order_ref": UUID_SHAPED.fullmatch,
    "emails": lambda text: _all(emails.is_address, emails.split_addresses(text)),
    "title": title_of,
    "gender": _is_gender,
    "nationality": lambda text: similar_key(text) in _demonyms(),
    "country": lambda text: similar_key(text) in _country_names(get_language()),
    "date_of_birth": _is_date,
    "phone_numbers": _is_phone_number,
}
RECOGNISED = tuple(_GUESSES)
"""The fields whose values can be told from those of other fields. Never a name or a number."""
