"""Codes of nationalities: ISO 3166-1 and the additions of ICAO Doc 9303-3, section 5, as demonyms."""

from __future__ import annotations

from django_countries import countries

from apps.consumers.demonyms import DEMONYMS

# Codes of Doc 9303-3 (and RKS, in use for Kosovo) for a nationality that has a demonym here.
_ICAO_COUNTRIES = {"D": "DE", "GBD": "GB", "GBN": "GB", "GBO": "GB", "GBP": "GB", "GBS": "GB", "RKS": "XK"}
_BRITISH = "British"  # the nationality; the other demonyms of GB are those of its parts


def demonyms_of_code(code: str) -> tuple[str, ...]:
    """The demonyms of a nationality code of two or three letters (D alone is Germany's in an MRZ).

    Empty for a code without one: stateless persons (XXA), refugees (XXB, XXC), organisations (UNO, EUE, XPO),
    the specimen UTO, and unknown codes. Several demonyms are in the order of
    :data:`apps.consumers.demonyms.DEMONYMS`; the caller must not choose one.
    """
    code = code.upper()
    country = _ICAO_COUNTRIES.get(code) or country_of_code(code)
    return (_BRITISH,) if country == "GB" else DEMONYMS.get(country, ())


def country_of_code(code: str) -> str:
    """The ISO 3166-1 alpha-2 code for one of two or three letters; empty if there is none."""
    code = code.upper()
    found = str(countries.alpha2(code)) if len(code) in (2, 3) and code.isascii() and code.isalpha() else ""
    return found if found and countries.name(found) else ""
