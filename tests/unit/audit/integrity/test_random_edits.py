"""Random edits of a real log: both verifiers find every alteration, and report nothing else."""

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
from tests.support.audit_logs import (
    SIGNER,
    found,
    found_by_portal,
    move_head,
    put,
    rechained,
    stored,
    write,
)

pytestmark = pytest.mark.django_db(transaction=True)

SIGNED = 9
"""The last row that a checkpoint covers; later edits show in the chain or in the head."""
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
FIELDS = [
    name for name in COLUMNS if name not in ("seq", "format", "time", "failure", "previous_hash", "hash")
]
Rows = list[dict[str, Any]]


Edit = tuple[str, int, int, str, str]


@st.composite
def edits(draw: st.DrawFn) -> Edit:
    kind = draw(st.sampled_from(["change", "delete", "insert", "swap", "cut", "nothing"]))
    one, other = draw(st.integers(0, 9)), draw(st.integers(0, 9))
    return kind, one, other, draw(st.sampled_from(FIELDS)), draw(TEXT)


def several_edits() -> st.SearchStrategy[list[Edit]]:
    return st.lists(edits(), min_size=1, max_size=3)


def edited_often(rows: Rows, several: list[Edit], close_up: bool) -> Rows:
    for edit in several:
        if rows:
            rows = edited(rows, edit, close_up)
    return rows


def edited(rows: Rows, edit: Edit, close_up: bool) -> Rows:
    kind, one, other, field, text = edit
    rows = [dict(row) for row in rows]
    one, other = min(one, len(rows) - 1), min(other, len(rows) - 1)
    match kind:
        case "change":
            rows[one][field] = text
        case "delete":
            del rows[one]
        case "insert":
            forged = hashlib.sha256(repr((rows, edit)).encode()).hexdigest()  # unique: hashes are
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
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(several_edits(), st.booleans(), st.booleans())
def test_verification_has_no_false_alarm_and_no_miss(
    tmp_path: Path, several: list[Edit], close_up: bool, rewrite: bool
) -> None:
    good, file = _log(tmp_path)
    shutil.copy(file, settings.AUDIT_CHECKPOINT_FILE)
    rows = edited_often(good, several, close_up)
    if rewrite:
        rows = rechained(rows)
    put(rows)
    if rewrite and rows:
        move_head()
    signed = len(rows) >= SIGNED and rows[:SIGNED] == good[:SIGNED]
    verdict, seq = found()
    if rows == good or (rewrite and signed):
        # Events that are not signed yet can be rewritten by anyone with write access to the database,
        # including the head, and with the MAC keys, if no event mentions a missing checkpoint.
        claims = [row["data"] for row in rows if row["action"] == "audit.checkpoint_signed"]
        is_consistent = claims in ([], [good[SIGNED]["data"]])
        assert (verdict, seq) == ("unchanged", None) if is_consistent else verdict == "checkpoints_damaged"
    else:
        assert verdict not in ("unchanged", "unsigned")
        first = next((n for n, row in enumerate(good) if n >= len(rows) or rows[n] != row), len(good)) + 1
        assert seq is not None
        assert seq >= first - 1, "The break is reported before the first difference"
        if verdict not in ("rewritten", "tail_cut", "head_differs"):
            assert seq <= first, "The break is reported after the first difference"


@hypothesis_settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(several_edits())
def test_without_the_mac_keys_the_end_can_be_cut_off_and_nothing_else(
    tmp_path: Path, several: list[Edit]
) -> None:
    good, file = _log(tmp_path)
    shutil.copy(file, settings.AUDIT_CHECKPOINT_FILE)
    rows = rechained(edited_often(good, several, close_up=True), with_keys=False)
    put(rows)
    if rows:
        move_head()
    verdict, seq = found_by_portal()
    cut_off = len(rows) >= SIGNED and rows == good[: len(rows)]
    assert (verdict, seq) == ("unchanged", None) if cut_off else verdict not in ("unchanged", "unsigned")
    if not cut_off and verdict == "written_past_portal":
        assert seq == next(n for n, row in enumerate(rows, start=1) if good[n - 1 : n] != [row])


def _log(tmp_path: Path) -> tuple[Rows, Path]:
    """Ten valid rows, the ninth signed; a copy of the file, so that each example begins with it."""
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
