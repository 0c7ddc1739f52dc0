"""What came of an event, in one word: of most whether it failed, of some actions more than that."""

from __future__ import annotations

from django.db.models import Q, TextChoices
from django.utils.translation import gettext_lazy as _

from apps.audit import actions


class EventOutcome(TextChoices):
    """Done or failed, or what an action says more exactly."""

    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    DENIED = "denied", _("Denied")
    BLOCKED = "blocked", _("Blocked")
    UNKNOWN = "unknown", _("Unknown")
    TO_BE_CHECKED = "to_be_checked", _("To be checked")


_OF_ACTION = {
    actions.CONSUMER_OUTCOME_UNKNOWN.name: EventOutcome.UNKNOWN,
    actions.CONSUMER_LATE_ANSWER.name: EventOutcome.TO_BE_CHECKED,
    actions.SUBMISSION_REPEAT_BLOCKED.name: EventOutcome.BLOCKED,
    actions.ACCESS_DENIED.name: EventOutcome.DENIED,
    actions.ACCESS_LIMITED.name: EventOutcome.DENIED,
    actions.PERSON_SIGN_IN_BLOCKED.name: EventOutcome.BLOCKED,
    actions.PERSON_PASSWORD_LINK_REFUSED.name: EventOutcome.DENIED,
}


def outcome_of(action: str, *, failure: bool) -> EventOutcome:
    """The outcome of an event with these columns."""
    return _OF_ACTION.get(action, EventOutcome.FAILED if failure else EventOutcome.DONE)


def conditions_of(outcome: EventOutcome) -> list[Q]:
    """The events of an outcome: one condition for each index that leads to some of them."""
    if outcome is EventOutcome.DONE:
        return [Q(failure=False)]
    if outcome is EventOutcome.FAILED:
        return [Q(failure=True) & ~Q(action__in=_OF_ACTION)]
    return [Q(action=action) for action, means in _OF_ACTION.items() if means is outcome]
