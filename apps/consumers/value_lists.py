"""Values that the form offers: titles, genders, countries, nationalities."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

from django.conf import settings
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django_countries import countries

from apps.consumers.demonyms import DEMONYMS
from apps.core.text import similar_key

# Vendor: the example values of `title` on the create-order-consumer page. Not an enumeration.
TITLES = (
    "Br", "Brigadier", "Capt", "Colonel", "Dame", "Dr", "Elder", "Fr", "General", "Hon", "Judge", "Lord",
    "Master", "Miss", "Mr", "Mrs", "Ms", "Mstr", "Prof", "Rabbi", "Rev", "Shaikha", "Sheikh", "Sir", "Sister",
    "Sr",
)  # fmt: skip

# Vendor: the enumeration of `gender`. "unknown" is sent as a value; the empty choice sends nothing.
GENDERS = (
    ("", _("Not given")),
    ("male", _("Male")),
    ("female", _("Female")),
    ("unknown", _("Unknown")),
)


class Normalisation(StrEnum):
    """How a sent value can differ from the typed one. The receipt shows each."""

    INVISIBLE = "invisible"  # invisible characters were removed
    BLANKS = "blanks"  # blanks around the text were removed, no-break spaces replaced
    UPPER_CASE = "upper_case"
    DOMAIN_CASE = "domain_case"
    ADDRESS_ONLY = "address_only"  # the name before an e-mail address was dropped
    E164 = "e164"


# Common country names, in addition to the standard's. Each is sorted separately, so that typing finds it.
COUNTRY_ALIASES = (
    (_("America"), "US"),
    (_("Bosnia"), "BA"),
    (_("Britain"), "GB"),
    (_("Burma"), "MM"),
    (_("Cape Verde"), "CV"),
    (_("Cote d'Ivoire"), "CI"),
    (_("Curacao"), "CW"),
    (_("Czech Republic"), "CZ"),
    (_("DR Congo"), "CD"),
    (_("East Timor"), "TL"),
    (_("Eire"), "IE"),
    (_("England"), "GB"),
    (_("Great Britain"), "GB"),
    (_("Holland"), "NL"),
    (_("Holy See"), "VA"),
    (_("Ivory Coast"), "CI"),
    (_("Macau"), "MO"),
    (_("Macedonia"), "MK"),
    (_("Northern Ireland"), "GB"),
    (_("Republic of Ireland"), "IE"),
    (_("Reunion"), "RE"),
    (_("Scotland"), "GB"),
    (_("Swaziland"), "SZ"),
    (_("The Gambia"), "GM"),
    (_("The Netherlands"), "NL"),
    (_("Turkey"), "TR"),
    (_("Turkiye"), "TR"),
    (_("UAE"), "AE"),
    (_("UK"), "GB"),
    (_("US"), "US"),
    (_("USA"), "US"),
    (_("Wales"), "GB"),
)


def title_choices() -> list[tuple[str, str]]:
    """No title, then the company's common titles, the vendor's examples, and the company's extra titles."""
    titles = dict.fromkeys([*settings.COMMON_TITLES, *TITLES, *settings.EXTRA_TITLES])
    return [("", str(_("No title"))), *((title, title) for title in titles)]


def country_choices() -> list[tuple[str, str]]:
    """ISO 3166-1 alpha-2 codes and country names, sorted by name; a country can have several names."""
    return [("", str(_("Not given"))), *_countries_by_name(get_language())]


@lru_cache(maxsize=8)
def _countries_by_name(_language: str) -> tuple[tuple[str, str], ...]:
    """Country names by language, cached because translating and sorting 250 names per page is slow."""
    names = [(str(code), str(name)) for code, name in countries]
    offered = dict(names)
    names += [(code, f"{alias} ({offered[code]})") for alias, code in COUNTRY_ALIASES if code in offered]
    return tuple(sorted(names, key=lambda pair: similar_key(pair[1])))


def country_name(code: str) -> str:
    """The name of a country; the code itself if it is unknown.

    A code of ISO 3166-1 has two or three letters, or three digits. A value of the vendor may be any text: the
    library parses one of digits as a number, which fails for "²" and for thousands of digits.
    """
    may_be_code = code.isascii() and (code.isalpha() or (code.isdigit() and len(code) == 3))
    return (str(countries.name(code)) if may_be_code else "") or code


@lru_cache(maxsize=1)
def nationalities() -> tuple[str, ...]:
    """Suggestions for the nationality, such as "Irish". Other values are allowed."""
    return tuple(sorted({word for words in DEMONYMS.values() for word in words}))
