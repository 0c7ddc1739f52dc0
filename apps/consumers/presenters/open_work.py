"""The open work of a person in this app: counts only, without data of consumers."""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.consumers import drafts
from apps.consumers.models import Outcome, Submission
from apps.consumers.reconciliation import taking
from apps.consumers.selectors import IS_UNKNOWN
from apps.core.open_work import OpenWork


def open_work_of(person_id: int) -> list[OpenWork]:
    """Submissions that are being sent or unknown, submissions taken, and drafts."""
    own = Submission.objects.filter(actor_id=person_id).order_by()
    sending = own.filter(outcome=Outcome.SENDING).count()
    unknown = own.filter(IS_UNKNOWN).count()
    taken = taking.taken_by(person_id).count()
    minutes = settings.TAKEN_LAPSES_AFTER_MINUTES
    unsent = drafts.drafts_of(person_id).count()
    found = (
        (
            sending,
            ngettext("%(n)s submission is being sent", "%(n)s submissions are being sent", sending),
            _("The portal finishes sending and records the outcome."),
        ),
        (
            unknown,
            ngettext("%(n)s outcome is unknown", "%(n)s outcomes are unknown", unknown),
            _("A check may find them; otherwise supervisors resolve them."),
        ),
        (
            taken,
            ngettext(
                "%(n)s submission is taken by this person",
                "%(n)s submissions are taken by this person",
                taken,
            ),
            ngettext(
                "They are free again after %(minutes)s minute, or when another supervisor takes them over.",
                "They are free again after %(minutes)s minutes, or when another supervisor takes them over.",
                minutes,
            )
            % {"minutes": minutes},
        ),
        (
            unsent,
            ngettext("%(n)s draft is not sent", "%(n)s drafts are not sent", unsent),
            ngettext(
                "Nobody else can open a draft. After %(days)s day without a change it is deleted.",
                "Nobody else can open a draft. After %(days)s days without a change it is deleted.",
                settings.DRAFT_DAYS,
            )
            % {"days": settings.DRAFT_DAYS},
        ),
    )
    return [OpenWork(text % {"n": n}, consequence) for n, text, consequence in found if n]
