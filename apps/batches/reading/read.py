"""Read a pasted text or an uploaded file as a table. Nothing of it is stored or logged here."""

from __future__ import annotations

from django.conf import settings

from apps.batches.models import SourceKind
from apps.batches.reading.delimited import csv_rows, pasted_rows
from apps.batches.reading.encodings import decoded
from apps.batches.reading.in_child import read_spreadsheet
from apps.batches.reading.kinds import Kind, check_text, kind_of
from apps.batches.reading.limits import Limits
from apps.batches.reading.table import NotReadable, Table, TableFault

_CHARACTERS_PER_BYTE = 4
"""Merged cells and shared texts make a spreadsheet's cells longer than its file; a text's never are."""


def read_pasted(text: str) -> Table:
    """The table of a text as spreadsheets copy it. Row 1 is its first line, also if that is blank.

    Raises :class:`NotReadable`.
    """
    if len(text) > settings.BATCH_MAX_BYTES or len(text.encode(errors="replace")) > settings.BATCH_MAX_BYTES:
        raise NotReadable(TableFault.TOO_LARGE, settings.BATCH_MAX_BYTES)
    rows, findings = pasted_rows(text, _limits())
    return Table(SourceKind.PASTED, rows, findings)


def read_file(name: str, content: bytes) -> Table:
    """The table of a CSV, Excel or OpenDocument file. Row numbers are the ones that a spreadsheet shows.

    The content decides what the file is; of a text, the names ``.tsv`` and ``.tab`` say that it has tabs.
    Raises :class:`NotReadable`.
    """
    if len(content) > settings.BATCH_MAX_BYTES:
        raise NotReadable(TableFault.TOO_LARGE, settings.BATCH_MAX_BYTES)
    if kind_of(content) is Kind.PACKAGE:
        return read_spreadsheet(content, _limits())
    text, guessed = decoded(content)
    check_text(text)
    rows, findings = csv_rows(text, _limits(), has_tabs=name.lower().endswith((".tsv", ".tab")))
    return Table(SourceKind.CSV, rows, (*([guessed] if guessed else []), *findings))


def _limits() -> Limits:
    return Limits(rows=settings.BATCH_MAX_ROWS, characters=_CHARACTERS_PER_BYTE * settings.BATCH_MAX_BYTES)
