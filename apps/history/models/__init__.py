"""Models of exports, of the columns and views that people have saved for the list, and of totals."""

from apps.history.models.exports import ACTIVE, Export, ExportReason, State
from apps.history.models.list import ListColumns, SavedView
from apps.history.models.totals import ChangedMoment, PeriodTotals

__all__ = [
    "ACTIVE",
    "ChangedMoment",
    "Export",
    "ExportReason",
    "ListColumns",
    "PeriodTotals",
    "SavedView",
    "State",
]
