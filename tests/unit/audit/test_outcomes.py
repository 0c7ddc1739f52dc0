"""The word beside an event and the filter of that name mean the same."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.db.models import Q

from apps.audit.events import Event
from apps.audit.models import AuditEvent
from apps.audit.recording import record
from apps.audit.registry import EventOutcome, event_types, outcome_of
from apps.audit.selectors import conditions_of
from apps.core.actor import Actor


@pytest.mark.django_db
def test_each_event_is_found_by_the_outcome_that_it_shows_and_by_no_other(anna: Actor) -> None:
    with transaction.atomic():
        for event_type in event_types():
            record(Event(event_type, anna))
    for outcome in EventOutcome:
        shown = {
            event.seq
            for event in AuditEvent.objects.all()
            if outcome_of(event.action, failure=event.failure) is outcome
        }
        found = [
            seq
            for condition in conditions_of(outcome)
            for seq in AuditEvent.objects.filter(condition).values_list("seq", flat=True)
        ]
        assert shown, "an outcome that nothing has"
        assert sorted(found) == sorted(shown)
        failed = AuditEvent.objects.filter(Q(seq__in=shown), failure=True)
        assert failed.count() == (0 if outcome is EventOutcome.DONE else len(shown))
