"""Submissions as a file: Excel, CSV or JSON Lines, in constant memory.

The rows are those of the list, in the same order. One statement over :meth:`Selection.submissions` reads them
all, so the file is one snapshot of the database.
"""

from apps.history.writing.layout import SEPARATORS, Layout
from apps.history.writing.people import UNREADABLE
from apps.history.writing.write import Written, cancel_query, write

__all__ = ["SEPARATORS", "UNREADABLE", "Layout", "Written", "cancel_query", "write"]
