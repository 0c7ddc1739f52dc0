"""The rows and warnings that a page of a batch showed, as a digest that its form posts back.

A person decides about what the page showed. Another window or the worker may have changed it since, even if
there are as many rows as before. The services compute the digest again, in the transaction of the change, and
refuse if it differs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from apps.batches.checking.findings import findings_of
from apps.batches.models import BatchRow


@dataclass(frozen=True, slots=True)
class AllShown:
    """All rows of a change, if they are still those of the page. ``digest``: from :func:`digest_of_rows`."""

    digest: str


ChosenRows = Collection[int] | AllShown
"""The rows of a change: their numbers, or all that the page showed."""


def digest_of_rows(rows: Iterable[BatchRow]) -> str:
    """The digest of the numbers and versions of these rows, in the order of the file."""
    return _digest([(row.number, row.version) for row in rows])


def digest_of_warnings(rows: Iterable[BatchRow]) -> str:
    """The digest of the warnings of these rows that can be confirmed: not of a row with errors.

    ``rows``: in the order of the file.
    """
    shown = []
    for row in rows:
        findings = findings_of(row)
        warnings = () if findings.errors else findings.unconfirmed(frozenset(row.accepted))
        if warnings:
            shown.append((row.number, row.version, [warning.keys for warning in warnings]))
    return _digest(shown)


def _digest(shown: list[Any]) -> str:
    return hashlib.sha256(json.dumps(shown).encode()).hexdigest()
