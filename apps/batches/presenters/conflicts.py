"""Why a corrected row was not stored: what the page says above what was typed."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext

from apps.batches.models import FINAL_STATES, Batch, RowState
from apps.batches.presenters.rows import CORRECTABLE


@dataclass(frozen=True, slots=True)
class Conflict:
    """``is_final``: whether saving once more cannot help, so that the page does not offer it."""

    title: str
    text: str
    is_final: bool = True


def row_changed() -> Conflict:
    """Somebody has stored the row since, in another window."""
    return Conflict(
        gettext("The row had changed meanwhile"),
        gettext("Nothing was stored. What you typed is below."),
        is_final=False,
    )


def lasting_conflict(batch: Batch, state: RowState) -> Conflict | None:
    """Why the row cannot be corrected any more; None if it can. ``state``: of the row."""
    if batch.erased_at is not None:
        return Conflict(gettext("The personal data of this list were deleted"), _copy())
    if state not in CORRECTABLE and state is not RowState.LEFT_OUT:
        title = (
            gettext("This row is being sent") if state is RowState.SENDING else gettext("This row was sent")
        )
        text = gettext("It was sent as it was before: what you typed is below and was not stored.")
        return Conflict(title, f"{text} {gettext('Its state is now: %(state)s.') % {'state': state.label}}")
    if batch.state in FINAL_STATES:
        text = gettext(
            "To correct rows that were not created, make a new list of them on the page of this list."
        )
        title = gettext("The list was discarded") if batch.is_discarded else gettext("The list was stopped")
        return Conflict(title, f"{_copy()} {text}")
    return None


def _copy() -> str:
    return gettext("Nothing was stored. What you typed is below: copy what you still need.")
