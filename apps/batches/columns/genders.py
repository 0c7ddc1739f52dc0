"""What M means in a column of genders: male in most languages, a woman (mujer) in Spanish."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from apps.consumers.paste.header_words import SPANISH_GENDER
from apps.consumers.paste.rows import header_key

_GENDER: Final = "gender"
_DUTCH: Final = frozenset({"geslacht"})


def is_m(cell: str) -> bool:
    """Whether the cell is the letter alone."""
    return cell.strip().casefold() == "m"


def m_is_male(headers: Sequence[str], targets: Sequence[str], rows: Iterable[Sequence[str]]) -> bool:
    """Whether M means male in the column of genders of a table, as far as the column says.

    ``headers``: empty without any. ``rows``: the cells of all people. H is hombre, so M is mujer. V is a man
    (varon) in Spanish and a woman (vrouw) in Dutch. Under a Spanish header M is male only beside F.
    """
    if _GENDER not in targets:
        return True
    at = targets.index(_GENDER)
    header = header_key(headers[at]) if at < len(headers) else ""
    letters = {row[at].strip().casefold() for row in rows if at < len(row)}
    if "h" in letters or ("v" in letters and header not in _DUTCH):
        return False
    return "f" in letters or header not in SPANISH_GENDER
