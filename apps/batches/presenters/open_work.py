"""The open work of a person in this app: counts only, without data of consumers."""

from __future__ import annotations

from collections.abc import Collection

from django.utils.translation import ngettext

from apps.batches import selectors
from apps.batches.models import BatchState
from apps.batches.sending.run import NEEDED_TO_SEND
from apps.core.open_work import OpenWork


def open_work_of(person_id: int) -> list[OpenWork]:
    """Batches that the person confirmed and that are being sent or paused."""
    counts = selectors.count_under_way(person_id)
    sending, paused = counts[BatchState.SENDING], counts[BatchState.PAUSED]
    found = (
        (
            sending,
            ngettext("%(n)s list is being sent", "%(n)s lists are being sent", sending),
            ngettext(
                "It is paused before its next row. A supervisor can stop it. It can be resumed only after the"
                " person is reactivated.",
                "They are paused before their next rows. A supervisor can stop them. They can be resumed only"
                " after the person is reactivated.",
                sending,
            ),
        ),
        (
            paused,
            ngettext("%(n)s list is paused", "%(n)s lists are paused", paused),
            ngettext(
                "A supervisor can stop it. It can be resumed only after the person is reactivated.",
                "A supervisor can stop them. They can be resumed only after the person is reactivated.",
                paused,
            ),
        ),
    )
    return [OpenWork(text % {"n": n}, consequence) for n, text, consequence in found if n]


def stopped_work_of(person_id: int, permissions: Collection[str]) -> list[OpenWork]:
    """Batches that the person confirmed and that are being sent, if these permissions do not allow it."""
    if {*NEEDED_TO_SEND} <= {*permissions}:
        return []
    sending = selectors.count_under_way(person_id)[BatchState.SENDING]
    if not sending:
        return []
    text = ngettext("%(n)s list is being sent", "%(n)s lists are being sent", sending) % {"n": sending}
    consequence = ngettext(
        "It is paused before its next row, and can be resumed only after the person may send lists again.",
        "They are paused before their next rows, and can be resumed only after the person may send lists"
        " again.",
        sending,
    )
    return [OpenWork(text, consequence)]
