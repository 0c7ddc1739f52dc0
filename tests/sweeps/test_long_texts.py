"""Text that a person pastes or uploads is read in time that grows with its length, not with its square.

A reader that takes longer holds its whole web process, and the creates that are under way in it. All times
are processor times. A reading below the bound is quick enough on any machine; a slower one is compared with
the reading of a text a quarter as long, so that a slow machine does not fail the test.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import pytest

from apps.batches.columns.date_orders import meaning_of
from apps.batches.columns.problems import problems_of
from apps.batches.reading.delimited import csv_rows
from apps.batches.reading.encodings import decoded
from apps.batches.reading.limits import Limits
from apps.batches.reading.table import NotReadable
from apps.batches.views.row_page import _on_one_line
from apps.consumers import phones
from apps.consumers.emails import split_addresses
from apps.consumers.paste.columns import REPEATABLE_TARGETS, fits, header_keys
from apps.consumers.paste.mrz import read_mrz
from apps.consumers.paste.rows import MAX_TEXT, NotOneRow, header_key, names_month_first, read_row
from apps.core.dates import read_date
from apps.core.delimited import first_delimiter, read_lines, without_quoted
from apps.core.references import NoReference, RecordKind, reference_in_link

TODAY: Final = dt.date(2026, 11, 30)
BOUND: Final = 0.25  # seconds for MAX_TEXT characters; readers that take quadratic time need 0.5 to 30
SLOWEST: Final = 1.5  # seconds, on the slowest machine
MOST_GROWTH: Final = 8  # for a text four times as long: linear time grows to 4 times, quadratic time to 16
LIMITS: Final = Limits(rows=500, characters=8_000_000)
READERS: Final[dict[str, Callable[[str], object]]] = {
    "date": read_date,
    "meaning of a date": meaning_of,
    "header": header_key,
    "header of a date": names_month_first,
    "row": lambda text: read_row(text, known_headers=header_keys(("TRAVELDOC",))),
    "machine-readable zone": lambda text: read_mrz(text, today=TODAY),
    "addresses": split_addresses,
    "phone number": phones.read,
    "problems": lambda text: problems_of({"passport_number": text, "identifiers-0-id": text}),
    "column": lambda text: [fits(text, target) for target in ("date_of_birth", *REPEATABLE_TARGETS)],
    "line breaks": lambda text: _on_one_line("first_name", text),
    "link": lambda text: reference_in_link(f"https://{text}", *RecordKind),
    "delimiter": lambda text: first_delimiter(text, "\t;,"),
    "quotes": lambda text: without_quoted(text, "\t;,"),
    "lines": lambda text: list(read_lines(text, ",")),
    "encoding": lambda text: decoded(text.encode() + b"\n\xfc"),
    "encoding by letters": lambda text: decoded(text.encode("cp1252") + b"\n\xfc"),
    "table": lambda text: csv_rows(text, LIMITS),
}
PIECES: Final = ("1", " ", "a", ".", ". ", "- ", "(", '"', "a@", "ab<", "A<", "\n ", "/v3/__", "Ä", ",;|\t\n")


def _text(piece: str, length: int) -> str:
    return "1" + (piece * length)[: length - 6] + "z1<x>"


def _lowest_seconds(read: Callable[[str], object], text: str, *, enough: float = 0.0) -> float:
    """The lowest time of up to three readings; the first below ``enough`` is the last."""
    lowest = float("inf")
    for _ in range(3):
        began = time.process_time()
        with suppress(ValueError, NotOneRow, NoReference, NotReadable):
            read(text)
        lowest = min(lowest, time.process_time() - began)
        if lowest < enough:
            break
    return lowest


def _takes_linear_time(read: Callable[[str], object], piece: str) -> bool:
    """Whether the largest text is read below the bound, or slower by the growth of the text only."""
    whole = _lowest_seconds(read, _text(piece, MAX_TEXT), enough=BOUND)
    if whole < BOUND:
        return True
    return whole < min(SLOWEST, MOST_GROWTH * _lowest_seconds(read, _text(piece, MAX_TEXT // 4)))


def test_quadratic_time_is_noticed() -> None:
    assert not _takes_linear_time(lambda text: [len(text[end:].split()) for end in range(len(text))], "1 ")


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("piece", PIECES)
def test_text_of_the_largest_size_is_read_in_linear_time(reader: str, piece: str) -> None:
    assert _takes_linear_time(READERS[reader], piece)
