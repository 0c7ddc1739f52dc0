"""The messages after an act: the states of its rows. Without typed values, because messages are stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from django.utils.translation import gettext, ngettext

from apps.batches import labels, selectors
from apps.batches.checking.findings import findings_of
from apps.batches.models import Batch, RowState
from apps.consumers.fields import FIELD_LABELS


def rows_text(batch: Batch, numbers: Collection[int]) -> str:
    """The states of the rows with these numbers, now."""
    rows = list(selectors.rows_of(batch).filter(number__in=numbers).defer("encrypted_cells"))
    if len(rows) == 1:
        return row_text(rows[0])
    count = ngettext("%(count)s row.", "%(count)s rows.", len(rows)) % {"count": len(rows)}
    return f"{count} {states_text(Counter(RowState(row.current) for row in rows))}"


def states_text(counts: Mapping[RowState, int]) -> str:
    """How many rows are in each state: "Ready: 3, Needs attention: 1."."""
    return ", ".join(f"{state.label}: {counts[state]}" for state in RowState if counts.get(state)) + "."


def row_text(row: Any, *, still: bool = False) -> str:
    """The state of a row from ``rows_of``. ``still``: it needed attention before, too."""
    state, what = RowState(row.current), _what(row)
    number = {"number": row.number, "what": what, "state": state.label}
    if state is RowState.READY:
        return gettext("Row %(number)s is ready.") % number
    if state is RowState.LEFT_OUT:
        return gettext("Row %(number)s is left out.") % number
    if state is not RowState.NEEDS_ATTENTION or not what:
        return gettext("Row %(number)s: %(state)s.") % number
    if still:
        return gettext("Row %(number)s still needs attention: %(what)s.") % number
    return gettext("Row %(number)s needs attention: %(what)s.") % number


def _what(row: Any) -> str:
    """The fields with errors, and the kinds of warnings that are not confirmed."""
    findings = findings_of(row)
    names = [error.field.partition("-")[0] for error in findings.errors]
    fields = [str(FIELD_LABELS.get(name) or gettext("Order")) for name in names if name]
    kinds = [labels.warning_label(one.code) for one in findings.unconfirmed(frozenset(row.accepted))]
    return ", ".join(dict.fromkeys([*fields, *kinds]))
