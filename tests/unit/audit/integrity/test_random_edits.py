"""Random edits of a real log: whatever changes it is found by both verifiers, and nothing else is."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from apps.audit.integrity.bulk_hashing import COLUMNS
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.signing import sign_checkpoint
from apps.audit.integrity.verification import verify
from tests.support.audit_logs import SIGNER, found, move_head, put, rechained, stored, write

pytestmark = pytest.mark.django_db(transaction=True)

SIGNED = 9
"""The last row that a checkpoint vouches for; edits behind it show in the chain, or in the head."""
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
FIELDS = [
    name for name in COLUMNS if name not in ("seq", "format", "time", "failure", "previous_hash", "hash")
]
Rows = list[dict[str, Any]]


@st.composite
def edits(draw: st.DrawFn) -> tuple[str, int, int, str, str]:
    kind = draw(st.sampled_from(["change", "delete", "insert", "swap", "cut", "nothing"]))
    one, other = draw(st.integers(0, 9)), draw(st.integers(0, 9))
    return kind, one, other, draw(st.sampled_from(FIELDS)), draw(TEXT)


def edited(rows: Rows, edit: tuple[str, int, int, str, str], close_up: bool) -> Rows:
    kind, one, other, field, text = edit
    rows = [dict(row) for row in rows]
    one, other = min(one, len(rows) - 1), min(other, len(rows) - 1)
    match kind:
        case "change":
            rows[one][field] = text
        case "delete":
            del rows[one]
        case "insert":
            forged = hashlib.sha256(repr((rows, edit)).encode()).hexdigest()  # of its own: hashes are unique
            rows.insert(one, {**rows[other], field: text, "hash": forged})
        case "swap":
            rows[one], rows[other] = rows[other], rows[one]
        case "cut":
            del rows[one + 1 :]
    places = range(1, len(rows) + 1)
    if kind in ("insert", "swap") or close_up:
        return [{**row, "seq": place} for place, row in zip(places, rows, strict=True)]
    return rows


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(edits(), min_size=1, max_size=3), st.booleans(), st.booleans())
def test_no_false_alarm_and_no_miss(
    tmp_path: Path, several: list[tuple[str, int, int, str, str]], close_up: bool, rewrite: bool
) -> None:
    good, file = _log(tmp_path)
    shutil.copy(file, settings.AUDIT_CHECKPOINT_FILE)
    rows = good
    for edit in several:
        if rows:
            rows = edited(rows, edit, close_up)
    if rewrite:
        rows = rechained(rows)
    put(rows)
    if rewrite and rows:
        move_head()
    signed = len(rows) >= SIGNED and rows[:SIGNED] == good[:SIGNED]
    verdict, seq = found()
    if rows == good or (rewrite and signed):
        # What nobody has signed yet can be written anew by whoever has the database, head and all, as long as
        # no event tells of a checkpoint that is not there.
        claims = [row["data"] for row in rows if row["action"] == "audit.checkpoint_signed"]
        told = claims in ([], [good[SIGNED]["data"]])
        assert (verdict, seq) == ("unchanged", None) if told else verdict == "checkpoints_damaged"
    else:
        assert verdict not in ("unchanged", "unsigned")
        first = next((n for n, row in enumerate(good) if n >= len(rows) or rows[n] != row), len(good)) + 1
        assert seq is not None
        assert seq >= first - 1, "The break is told where everything was still good"
        if verdict not in ("rewritten", "tail_cut", "head_differs"):
            assert seq <= first, "The break is told behind the first difference"


def _log(tmp_path: Path) -> tuple[Rows, Path]:
    """Ten good rows, the ninth signed; the file is kept beside, so that each example begins with it."""
    file = tmp_path / "good.jsonl"
    put([])
    settings.AUDIT_CHECKPOINT_FILE.unlink(missing_ok=True)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_head")
    write(SIGNED)
    sign_checkpoint(SIGNER)
    shutil.copy(settings.AUDIT_CHECKPOINT_FILE, file)
    assert verify().verdict is Verdict.UNCHANGED
    return [*stored().values()], file
