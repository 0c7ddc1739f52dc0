"""Read e-mail addresses as pasted from mail programs."""

from __future__ import annotations

import re
from urllib.parse import unquote

import email_validator
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

MAX_ADDRESS = 254  # characters, RFC 5321 section 4.5.3.1.3 less the angle brackets
_IN_BRACKETS = re.compile(r"<([^<>]*)>|\[(mailto:[^\[\]]*)\]", re.IGNORECASE)
_LIKELY_ADDRESS = re.compile(r"@|(?<!\w)\w{2,}\.\w{2,}")  # names contain no such dot: J. R. Smith
_SEPARATORS = re.compile(r"[,;\s]+")
_QUOTES = "\"'“”‘’"


def split_addresses(text: str) -> tuple[str, ...]:
    """The addresses in a text, as typed: bare, ``Doe, Jane <jane@example.com>`` and ``mailto:``.

    The name before an address in brackets is dropped. Any other text that is not an address is returned too,
    so that the caller can report it.
    """
    found: list[str] = []
    end = 0
    for match in _IN_BRACKETS.finditer(text):
        address = match[1] or match[2] or match[0]  # keep empty brackets, so that they are reported
        # Text before the last semicolon is separate; text after it is the name, or repeats the address.
        apart, _semicolon, beside = text[end : match.start()].rpartition(";")
        before = [*_parts(apart), *(part for part in _parts(beside) if _LIKELY_ADDRESS.search(part))]
        found += [part for part in before if _address(part).casefold() != _address(address).casefold()]
        found.append(address)
        end = match.end()
    found += _parts(text[end:])
    return tuple(address for address in map(_address, found) if address)


def is_address(text: str) -> bool:
    """Whether the text is a valid e-mail address, without network requests.

    Accepts what email-validator accepts, or Django's validator, which also accepts internal host names.
    Consecutive dots, or one at the end of the local part, are accepted: they are in use in Japan
    (docomo.ne.jp), although RFC 5322 does not allow them.
    """
    local, at, domain = text.rpartition("@")
    text = re.sub(r"\.{2,}", ".", local).rstrip(".") + at + domain
    try:
        email_validator.validate_email(text, check_deliverability=False, test_environment=True)
    except email_validator.EmailNotValidError:
        try:
            validate_email(text)
        except ValidationError:
            return False
    return True


def with_lower_case_domain(address: str) -> str:
    """The address with its domain in lower case. The local part is case-sensitive (RFC 5321, section 2.4)."""
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{domain.lower()}"


def _parts(text: str) -> list[str]:
    return [part for part in _SEPARATORS.split(text) if part]


def _address(part: str) -> str:
    typed = part = part.strip()
    if len(part) > 2 and part[0] in _QUOTES and part[-1] in _QUOTES:
        part = part[1:-1]
    if part.lower().startswith("mailto:"):  # RFC 6068: percent-encoded, headers after the question mark
        part = unquote(part[len("mailto:") :].partition("?")[0])
    return part or typed  # what has no address before its headers is reported
