"""The words that the form offers: titles, genders, countries, nationalities."""

from __future__ import annotations

from functools import lru_cache

from countryinfo import all_countries
from django.conf import settings
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django_countries import countries

# Vendor: the example values of `title` on the create-order-consumer page. Not an enumeration.
TITLES = (
    "Br", "Brigadier", "Capt", "Colonel", "Dame", "Dr", "Elder", "Fr", "General", "Hon", "Judge", "Lord",
    "Master", "Miss", "Mr", "Mrs", "Ms", "Mstr", "Prof", "Rabbi", "Rev", "Shaikha", "Sheikh", "Sir", "Sister",
    "Sr",
)  # fmt: skip

# Vendor: the enumeration of `gender`. "unknown" is a value that is sent; the empty choice sends nothing.
GENDERS = (
    ("", _("Not given")),
    ("male", _("Male")),
    ("female", _("Female")),
    ("unknown", _("Unknown")),
)


def title_choices() -> list[tuple[str, str]]:
    """ "No title", the house's commonest titles, the vendor's other examples, then the house's own."""
    titles = dict.fromkeys([*settings.COMMON_TITLES, *TITLES, *settings.EXTRA_TITLES])
    return [("", str(_("No title"))), *((title, title) for title in titles)]


def country_choices() -> list[tuple[str, str]]:
    """Names of countries with their ISO 3166-1 alpha-2 codes, by name."""
    return [("", str(_("Not given"))), *_countries_by_name(get_language())]


@lru_cache(maxsize=8)
def _countries_by_name(_language: str) -> tuple[tuple[str, str], ...]:
    """Translated and sorted once for each language: 250 names are too many for each page."""
    return tuple((code, str(name)) for code, name in countries)


def country_name(code: str) -> str:
    """The name of a country code; the code itself where it is none."""
    return str(countries.name(code)) or code


@lru_cache(maxsize=1)
def nationalities() -> tuple[str, ...]:
    """Suggestions for the nationality, such as "Irish". Any other word may be typed."""
    words = {
        word.strip()
        for country in all_countries()
        for word in (country.demonym() or "").split(",")
        if word.strip()
    }
    return tuple(sorted(words))
