"""References of the vendor as people write them, and whether two of them are the same."""

from __future__ import annotations

import re

from apps.cdp.answers import ref_from_href

# Vendor: references are UUID-shaped, in either case.
_REFERENCE = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_GROUPS = (8, 4, 4, 4, 12)


def read_reference(text: str) -> str:
    """The reference in ``text``: bare, with or without dashes, in either case, or at the end of a link.

    The case is kept. Empty where there is no reference.
    """
    if "/" in text:
        text = ref_from_href(text)
    return _with_dashes(text.replace("-", "")) if _REFERENCE.fullmatch(text) else ""


def same_reference(one: str, other: str) -> bool:
    """Whether two references name the same record. Case and dashes do not count; two empty ones name none."""
    return bool(one) and _plain(one) == _plain(other)


def spellings(ref: str) -> tuple[str, ...]:
    """How a reference can be stored, in lower case: with and without dashes, and as it came."""
    plain = _plain(ref)
    return tuple({ref.lower(), plain, _with_dashes(plain)})


def _plain(ref: str) -> str:
    return ref.lower().replace("-", "")


def _with_dashes(digits: str) -> str:
    if len(digits) != sum(_GROUPS):
        return digits
    parts, start = [], 0
    for length in _GROUPS:
        parts.append(digits[start : start + length])
        start += length
    return "-".join(parts)
