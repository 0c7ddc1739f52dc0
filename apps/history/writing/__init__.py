"""Submissions as a file: Excel, CSV or JSON Lines, at the database's speed, in memory that does not grow.

The rows are those of the list, in its order: one statement over :meth:`Selection.submissions`, and so one
snapshot.
"""

from apps.history.writing.layout import SEPARATORS, Layout
from apps.history.writing.people import UNREADABLE
from apps.history.writing.write import Written, cancel_query, write

__all__ = ["SEPARATORS", "UNREADABLE", "Layout", "Written", "cancel_query", "write"]
