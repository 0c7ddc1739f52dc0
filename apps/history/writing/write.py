"""One selection into one file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper

from apps.history.selection import Selection
from apps.history.writing.layout import Layout

UNREADABLE: Final = "(unreadable)"
"""What the personal cells of a row say whose consumer none of our keys opens."""


@dataclass(frozen=True, slots=True)
class Written:
    """What has been written."""

    rows: int
    unreadable: int = 0  # rows of which the personal columns say UNREADABLE


def write(
    selection: Selection,
    layout: Layout,
    write_bytes: Callable[[bytes], object],
    *,
    connection: BaseDatabaseWrapper,
    progress: Callable[[int], None],
) -> Written:
    """Write the selection's rows as they are at this moment, newest first, in that layout.

    The one statement runs over that connection, which must be in no transaction: on SQLite one would keep
    every submission out. What stands before the rows leaves before the statement is sent. ``progress`` is
    called with the number of rows so far, at least for every thousand; what it raises stops the statement and
    comes through, as do the database's errors and those of ``write_bytes``: the file is broken then. Raises
    ``TransactionManagementError`` inside an atomic block.
    """
    raise NotImplementedError


def cancel_query(connection: BaseDatabaseWrapper) -> None:
    """Stop the statement that another thread runs over this connection; that thread's :func:`write` raises.

    Does nothing where none is running.
    """
    raise NotImplementedError
