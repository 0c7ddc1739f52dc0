"""Submissions with difficult values, and the expected cells of their exports in plain Python."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import uuid
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from hypothesis import strategies as st

from apps.accounts.models import User
from apps.cdp.consumers import Identifier, NewConsumer
from apps.consumers.models import Outcome, Submission
from apps.consumers.viewer import UNRESTRICTED
from apps.core import personal_data
from apps.core.export.formats import Format
from apps.history.columns import COLUMNS
from apps.history.selection import Selection, SubmissionFilter
from apps.history.writing import UNREADABLE, Layout, Written, write
from apps.history.writing.cells import SOURCES

PLAIN = tuple(key for key, column in COLUMNS.items() if not column.personal)
PERSONAL = tuple(key for key, column in COLUMNS.items() if column.personal)
EVERYTHING = Selection(SubmissionFilter(), UNRESTRICTED)
ZONE = "Europe/Berlin"
TIMES = ("submitted_at", "finished_at", "resolved_at")

# The OWASP page on CSV injection, payloads of dynamic data exchange, and text that spreadsheets skip.
HOSTILE = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://127.0.0.1/?x="&A1;"here")',
    '=DDE("cmd";"/C calc";"!A0")',
    '=1+1";=1+1',
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "\u00a0=1",
    "\u200b=1",
    "\ufeff=1",
    "\u2060@A1",
    "\u3000＝1",
    "＋1",
    "﹣1",
    "'=1",
    "''",
    "a\n=1",
    "a\r\n+1\r-1",
    'a\n"=1"',
    "a\n'b",
    "a,b;c\td|e",
    "a;=1;",
    "a,=1,",
    "a\t=1\t",
    'a; "=1"',
    'a "quoted" word',
    '"',
    "ends in a blank ",
    " begins with one",
    "  ",
    "\\.",
    "\\N",
    "ID",
    "a\\b\\",
    "null",
    "NaN",
    "0123456789012345678901234567890",
    "1E5",
    "007",
    "2026-03-07",
    "TRUE",
    "#REF!",
    "<b>&amp;</b>]]>",
    "_x0041_ and _x005F_x0041_",
    "_x0041\x01",
    "\x01\x08\x0b\x0c\x1f\x7f",
    "\x1f",
    "\u2028\u2029\u0085",
    "\ufffe\uffff",
    "Éanna Ó Searcaigh",
    "山田太郎 😀",
    "e\u0301",
)

_ALPHABET = "aZ09é山😀=+-@'\",;|\t\r\n \u00a0\u200b\ufeff＝﹣_x041<&>\\\x01\x1f\u2028\ufffe"
TEXTS = (
    st.sampled_from(HOSTILE)
    | st.text(st.sampled_from(_ALPHABET), max_size=12)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
)
MOMENTS = st.datetimes(
    dt.datetime(2020, 1, 1),  # noqa: DTZ001  # hypothesis adds the zone
    dt.datetime(2039, 12, 31),  # noqa: DTZ001
    timezones=st.just(dt.UTC),
)
CONSUMERS = st.builds(
    NewConsumer,
    title=TEXTS,
    first_name=TEXTS,
    last_name=TEXTS,
    gender=TEXTS,
    date_of_birth=st.none() | st.dates(dt.date(1900, 1, 1)),
    emails=st.lists(TEXTS.filter(bool), max_size=2).map(tuple),
    phone_numbers=st.lists(TEXTS.filter(bool), max_size=2).map(tuple),
    nationality=TEXTS,
    passport_number=TEXTS,
    country=TEXTS,
    identifiers=st.lists(st.builds(Identifier, TEXTS, TEXTS), max_size=2).map(tuple),
)


def row(person: User, consumer: NewConsumer | None = None, **columns: Any) -> Submission:
    """An unsaved created submission; without a consumer, one whose data were erased."""
    now = dt.datetime.now(dt.UTC)
    made: dict[str, Any] = {
        "submitted_at": now,
        "finished_at": now,
        "outcome": Outcome.CREATED,
        "consumer_ref": "r",
    } | columns
    submission = Submission(
        token=uuid.uuid4(), content_digest=b"0" * 32, actor=person, deadline=made["submitted_at"], **made
    )
    if consumer:
        submission.consumer = consumer
    return submission


ROWS = st.fixed_dictionaries(
    {
        "order_ref": TEXTS,
        "actor_name": TEXTS,
        "consumer_ref": TEXTS.filter(bool),
        "guest_ref": TEXTS,
        "order_number": TEXTS,
        "consumer_href": TEXTS,
        "order_href": TEXTS,
        "guest_href": TEXTS,
        "error_code": TEXTS.map(lambda text: text[:40]),
        "error_field": TEXTS,
        "resolved_by_name": TEXTS,
        "http_status": st.none() | st.integers(0, 32_000),
        "duration_ms": st.none() | st.integers(0, 2**31 - 1),
        "submitted_at": MOMENTS,
        "finished_at": MOMENTS,
        "consumer": st.none() | CONSUMERS,
    }
)


def stored(person: User, made: Sequence[dict[str, Any]]) -> None:
    """Replace all rows with these."""
    Submission.objects.all().delete()
    Submission.objects.bulk_create(row(person, **columns) for columns in made)


def repeat(submission: Submission, times: int) -> None:
    """Copies of this row that differ only in their keys."""
    connection = connections["default"]
    if connection.vendor == "postgresql":
        new, series = "gen_random_uuid()", f"generate_series(1, {times})"
    else:
        new = "lower(hex(randomblob(16)))"
        series = (
            "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
            f" WHERE i < {times}) SELECT i FROM n)"
        )
    names = [str(field.column) for field in Submission._meta.concrete_fields if field.column != "id"]
    values = [new if name in ("public_id", "token") else f"s.{name}" for name in names]
    table = Submission._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(names)})"
            f" SELECT {', '.join(values)} FROM {table} s, {series} AS n WHERE s.id = %s",
            [submission.pk],
        )


def layout(
    format_: Format, columns: Sequence[str] = (*PLAIN, *PERSONAL), zone: str = ZONE, **more: Any
) -> Layout:
    """A layout, with all columns by default."""
    return Layout(format_, tuple(columns), zone, **more)


def written(
    wanted: Layout, selection: Selection = EVERYTHING, connection: BaseDatabaseWrapper | None = None
) -> tuple[bytes, Written]:
    """The file, and the summary that was returned with it."""
    pieces: list[bytes] = []
    summary = write(
        selection,
        wanted,
        pieces.append,
        connection=connection or connections["default"],
        progress=lambda rows: None,
    )
    return b"".join(pieces), summary


def shown(submission: Submission, key: str, wanted: Layout) -> str:
    """The text of a cell, before any guard or quotes."""
    if key in TIMES:
        moment = getattr(submission, key)
        if moment is None:
            return ""
        local = moment.astimezone(ZoneInfo(wanted.time_zone))
        exact = wanted.format in (Format.CSV_EXACT, Format.JSONL)
        return str(local.isoformat(timespec="microseconds") if exact else f"{local:%Y-%m-%d %H:%M:%S}")
    if key == "user_name":
        return submission.actor.username
    if key == "corrects":
        return str(submission.resubmission_of.public_id) if submission.resubmission_of else ""
    if COLUMNS[key].personal:
        return _personal(submission, key)
    value = getattr(submission, SOURCES[key].field)
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _personal(submission: Submission, key: str) -> str:
    if personal_data.problem_of(submission, "encrypted_consumer"):
        return UNREADABLE
    value = getattr(submission.consumer, key, None)
    if isinstance(value, tuple):
        return "; ".join(f"{v.provider}: {v.id}" if isinstance(v, Identifier) else v for v in value)
    return str(value or "")


def expected(wanted: Layout) -> list[list[str]]:
    """The texts of all cells, row by row."""
    rows = EVERYTHING.submissions().select_related("resubmission_of", "actor")
    return [[shown(one, key, wanted) for key in wanted.columns] for one in rows]


def headings(wanted: Layout) -> list[str]:
    """The names of the columns in the file."""
    shows_zone = wanted.format in (Format.XLSX, Format.CSV)
    names = [str(COLUMNS[key].label) if wanted.format is Format.XLSX else key for key in wanted.columns]
    return [
        f"{name} ({wanted.time_zone})" if shows_zone and key in TIMES else name
        for name, key in zip(names, wanted.columns, strict=True)
    ]


def json_lines(data: bytes) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """The first line, the rows, the last line."""
    assert data.endswith(b"\n")
    first, *rows, last = (json.loads(line) for line in data.decode().split("\n")[:-1])
    return first, rows, last


def numbered(count: int) -> list[dict[str, Any]]:
    """Rows with different references; every three rows share their moments."""
    begin = dt.datetime(2026, 10, 24, 23, 59, 59, 999_999, tzinfo=dt.UTC)
    moments = itertools.chain.from_iterable(
        itertools.repeat(begin + dt.timedelta(minutes=20 * number), 3) for number in itertools.count()
    )
    return [
        {"order_ref": f"order {number}", "submitted_at": moment}
        for number, moment in zip(range(count), moments, strict=False)
    ]
