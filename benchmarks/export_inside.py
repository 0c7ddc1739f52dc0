"""One export in a separate process, for export.py: ``python -m benchmarks.export_inside csv plain``.

Writes to the null device and prints a line of JSON: seconds, processor seconds of this process, seconds until
the first byte, peak resident memory in bytes, the bytes written.
"""

from __future__ import annotations

import csv
import datetime as dt
import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consumerportal.settings")

import django
from django.apps import apps

if not apps.ready:
    django.setup()  # before the portal is imported

import openpyxl
from django.db import connection

from apps.consumers.models import Submission
from apps.consumers.viewer import UNRESTRICTED
from apps.core.export.formats import Format
from apps.history.columns import COLUMNS
from apps.history.selection import Selection, SubmissionFilter
from apps.history.writing import Layout, write
from apps.history.writing.cells import SOURCES

PLAIN = tuple(key for key, column in COLUMNS.items() if not column.personal)
EVERYTHING = Selection(SubmissionFilter(), UNRESTRICTED)
STORED = {"known_outcome": "outcome"}  # a property of the model, and the column that the others write instead
FIELDS = [SOURCES[key].refers_by or STORED.get(SOURCES[key].field, SOURCES[key].field) for key in PLAIN]
ZONE = "Europe/Berlin"


def portal(way: str, columns: str, take: Callable[[bytes], object]) -> None:
    """Export with the portal."""
    layout = Layout(Format(way), PLAIN if columns == "plain" else tuple(COLUMNS), ZONE)
    write(EVERYTHING, layout, take, connection=connection, progress=lambda rows: None)


def recipe(take: Callable[[bytes], object]) -> None:
    """The usual recipe: ``csv.writer`` into an echo object, one row at a time, for StreamingHttpResponse."""

    class Echo:
        def write(self, line: str) -> str:
            return line

    def lines() -> Iterator[str]:
        writer = csv.writer(Echo())
        yield writer.writerow(PLAIN)
        for row in EVERYTHING.submissions().iterator():
            yield writer.writerow([getattr(row, field) for field in FIELDS])

    for line in lines():
        take(line.encode())


def import_export(take: Callable[[bytes], object]) -> None:
    """Export with django-import-export, as documented."""
    # An optional package: the portal does not use it.
    resources = importlib.import_module("import_export.resources")
    resource = resources.modelresource_factory(Submission)()
    names = {field.removesuffix("_id") for field in FIELDS}
    resource.fields = {name: field for name, field in resource.fields.items() if name in names}
    take(resource.export(EVERYTHING.submissions()).csv.encode())


def openpyxl_write_only(take: Callable[[bytes], object]) -> None:
    """Export with openpyxl's write-only mode: texts, numbers, and times in the zone."""
    zone = ZoneInfo(ZONE)

    def value(cell: Any) -> Any:
        if isinstance(cell, dt.datetime):
            return cell.astimezone(zone).replace(microsecond=0, tzinfo=None)  # Excel knows no zones
        return cell if cell is None or isinstance(cell, int | str) else str(cell)

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(PLAIN)
    for row in EVERYTHING.submissions().values_list(*FIELDS).iterator():
        sheet.append([*map(value, row)])
    with Path(os.devnull).open("wb") as null:
        book.save(null)
    take(b" ")


def main(way: str, columns: str) -> None:
    """Export once with the named method, and print its cost."""
    connection.ensure_connection()
    first: list[float] = []
    size = 0
    with Path(os.devnull).open("wb") as null:

        def take(data: bytes) -> None:
            nonlocal size
            if not first:
                first.append(time.perf_counter() - begin)
            size += len(data)
            null.write(data)

        others: dict[str, Any] = {
            "recipe": recipe,
            "import-export": import_export,
            "openpyxl": openpyxl_write_only,
        }
        begin, processor = time.perf_counter(), time.process_time()
        if way in others:
            others[way](take)
        else:
            portal(way, columns, take)
        seconds, processor = time.perf_counter() - begin, time.process_time() - processor
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    facts = {"first": first[0], "resident": resident, "bytes": size}
    print(json.dumps({"seconds": seconds, "processor": processor, **facts}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
