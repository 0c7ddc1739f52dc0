"""Measure lists in one process of the portal: ``python -m benchmarks.batch_check_inside ROWS``.

Uses the database and the sandbox of the environment and writes its figures to standard output as JSON.
"""

from __future__ import annotations

import csv
import importlib
import importlib.util
import io
import json
import os
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consumerportal.settings")

import django
from django.apps import apps

if not apps.ready:
    django.setup()  # before the portal is imported

import openpyxl
from django.db import connection, models

from apps.accounts.models import User
from apps.batches.checking.check import check_batch
from apps.batches.columns.matching import propose
from apps.batches.models import BatchRow, OwnState
from apps.batches.reading.read import read_file, read_pasted
from apps.batches.reading.table import Table
from apps.batches.storing.upload import create_batch
from apps.cdp.factory import get_client
from apps.core.actor import Actor
from benchmarks.batch_check import PEER
from sandbox.data.seed import CROWDED_ORDERS
from tests.support.unique_entries import consumer

TIMES = int(os.environ.get("BENCH_TIMES", "5"))
ORDER = next(ref for ref, size in CROWDED_ORDERS.items() if size == 1)
FIELDS = (
    "title", "first_name", "last_name", "gender", "date_of_birth", "email", "phone_number", "nationality",
    "passport_number", "country",
)  # fmt: skip


def people(count: int) -> list[tuple[str, ...]]:
    """A line of headers and so many different people."""
    rows: list[tuple[str, ...]] = [FIELDS]
    for _number in range(count):
        one = consumer()
        texts = (one.title, one.first_name, one.last_name, one.gender, str(one.date_of_birth))
        rows.append(
            (*texts, one.emails[0], one.phone_numbers[0], one.nationality, one.passport_number, one.country)
        )
    return rows


def csv_of(rows: list[tuple[str, ...]], delimiter: str = ",") -> bytes:
    """The rows as a CSV file."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode()


def xlsx_of(rows: list[tuple[str, ...]]) -> bytes:
    """The rows as an Excel file of openpyxl."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def ways(rows: list[tuple[str, ...]]) -> dict[str, Callable[[], Table]]:
    """How the portal reads the rows, by name."""
    text, written, packed = csv_of(rows, "\t").decode(), csv_of(rows), xlsx_of(rows)
    return {
        "paste": lambda: read_pasted(text),
        "CSV": lambda: read_file("people.csv", written),
        "Excel": lambda: read_file("people.xlsx", packed),
    }


def portal(read: Callable[[], Table], actor: Actor) -> tuple[float, float, float]:
    """Milliseconds for reading, for columns and storing, and for the dry run, of which nothing is sent."""
    began = time.perf_counter()
    rows = read()
    was_read = time.perf_counter()
    choice = propose(rows, providers=(), remembered=lambda _headers: None).choice
    batch = create_batch(rows, choice, providers=(), order_ref=ORDER, order_number="", actor=actor)
    stored = time.perf_counter()
    check_batch(batch, client=get_client())
    ended = time.perf_counter()
    states = set(BatchRow.objects.filter(batch=batch).values_list("state", flat=True))
    assert OwnState.UNCHECKED not in states, states
    return (was_read - began) * 1000, (stored - was_read) * 1000, (ended - stored) * 1000


def peer(rows: list[tuple[str, ...]]) -> dict[str, Callable[[], object]]:
    """The preview of django-import-export as its admin makes it, by the format; empty if not installed."""
    if not importlib.util.find_spec("import_export"):
        return {}
    from django.conf import settings  # noqa: PLC0415  # only for the peer

    settings.INSTALLED_APPS += ["import_export"]
    texts: dict[str, Any] = {name: models.CharField(max_length=200) for name in FIELDS}
    meta = type("Meta", (), {"app_label": "batches"})
    person = type("BenchPerson", (models.Model,), {**texts, "__module__": __name__, "Meta": meta})
    with connection.schema_editor() as editor:
        editor.create_model(person)
    formats = importlib.import_module("import_export.formats.base_formats")
    resources = importlib.import_module("import_export.resources")
    resource = resources.modelresource_factory(person)

    def preview(format_: Any, content: bytes) -> None:
        text = content if format_.is_binary() else content.decode()
        result = resource().import_data(format_.create_dataset(text), dry_run=True)
        assert not result.has_errors(), result.row_errors()
        assert result.total_rows == len(rows) - 1

    identified = [("id", *rows[0]), *(("", *row) for row in rows[1:])]
    written, packed = csv_of(identified), xlsx_of(identified)
    return {
        "CSV": lambda: preview(formats.CSV(), written),
        "Excel": lambda: preview(formats.XLSX(), packed),
    }


def main(count: int) -> None:
    """Write the rows of figures: see ``benchmarks.batch_check.HEAD``."""
    person = User.objects.get(username="sam")
    actor = Actor(id=str(person.pk), name=person.name, roles=person.roles)
    found = []
    for name in ways(people(1)):
        each = [portal(ways(people(count))[name], actor) for _time in range(TIMES)]
        shown = [f"{median(stage):.0f}" for stage in zip(*each, strict=True)]
        found.append([name, *shown, f"{median(map(sum, each)):.0f}"])
    for name, preview in peer(people(count)).items():
        spent = []
        for _time in range(TIMES):
            began = time.perf_counter()
            preview()
            spent.append((time.perf_counter() - began) * 1000)
        found.append([f"{PEER}{name}", "–", "–", "–", f"{median(spent):.0f}"])
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]))
