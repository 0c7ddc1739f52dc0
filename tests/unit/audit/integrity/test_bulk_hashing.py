"""The bytes of the fast path equal the documented bytes, and verification stops where the chain breaks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.audit.chain import GENESIS, Row, canonical_bytes, row_hash
from apps.audit.integrity.bulk_hashing import COLUMNS, canonical_text, follow, own_sequence
from tests.unit.audit.test_chain import FIRST, ROWS


def chain(length: int) -> list[tuple[Any, ...]]:
    """That many stored rows, each chained to the previous one."""
    rows: list[tuple[Any, ...]] = []
    previous = GENESIS
    for seq in range(1, length + 1):
        row = FIRST._replace(seq=seq, order_ref=f"ord-{seq}", previous_hash=previous)
        previous = row_hash(row)
        rows.append((*row, previous))
    return rows


@given(ROWS)
def test_template_writes_the_canonical_bytes(row: Row) -> None:
    assert canonical_text((*row, "")).encode() == canonical_bytes(row)


@given(ROWS, st.integers(1, 60), st.integers(1, 60))
def test_row_reveals_the_sequence_it_was_made_with(row: Row, own: int, place: int) -> None:
    made = row._replace(seq=own)
    moved = (*made._replace(seq=place), row_hash(made))
    assert own_sequence(moved, range(1, 61)) == own


def test_altered_row_matches_no_sequence() -> None:
    row = chain(1)[0]
    assert own_sequence((*row[:3], "another.action", *row[4:]), range(100)) is None


def test_valid_chain_is_followed_from_any_row() -> None:
    rows = chain(5)
    assert follow(rows, 1, GENESIS) == 5
    assert follow(rows[2:], 3, rows[1][-1]) == 3
    assert follow([], 1, GENESIS) == 0
    assert follow(rows, 2, GENESIS) == 0
    assert follow(rows, 1, "1" * 64) == 0


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("odd", [None, b"bytes", 2, 1.5, "text", "\ud800"])
def test_verification_stops_at_any_other_value_of_any_column(column: str, odd: object) -> None:
    rows = chain(4)
    place = COLUMNS.index(column)
    before = rows[2][place]
    if before is odd:
        return
    rows[2] = (*rows[2][:place], odd, *rows[2][place + 1 :])
    assert follow(rows, 1, GENESIS) == 2
