"""Whether Fr. in a column of titles is Frau, fru or frøken, and not the vendor's title Fr for a father."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from apps.consumers.paste.header_words import TITLES_WITH_OTHER_FR
from apps.consumers.paste.rows import header_key

_TITLE: Final = "title"
_NEXT_TO_IT: Final = frozenset(["hr", "herr", "herrn", "frau", "fraulein", "fru", "froken", "frk"])
"""German and Scandinavian titles, as keys of :func:`apps.consumers.paste.rows.header_key`."""


def has_other_fr(headers: Sequence[str], targets: Sequence[str], rows: Iterable[Sequence[str]]) -> bool:
    """Whether the column of titles of a table is in a language in which Fr. is the title of a woman.

    Its header or another title in it says so. ``headers``: empty without any. ``rows``: the cells of all
    people.
    """
    if _TITLE not in targets:
        return False
    at = targets.index(_TITLE)
    if at < len(headers) and header_key(headers[at]) in TITLES_WITH_OTHER_FR:
        return True
    words = (word for row in rows if at < len(row) for word in row[at].split())
    return any(header_key(word) in _NEXT_TO_IT for word in words)
