"""An auditor, and a submission with its events."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.test import Client

from apps.accounts.models import User
from apps.accounts.roles import AUDITOR
from apps.audit.recording import record
from apps.consumers import recording
from apps.consumers.audit_events import CONSUMER_CREATE_REQUESTED, CONSUMER_OUTCOME_UNKNOWN
from apps.consumers.models import Outcome, Submission
from tests.support.entries import store
from tests.support.people import acting, make_person


@pytest.fixture
def auditor() -> User:
    return make_person("otto", AUDITOR)


@pytest.fixture
def as_auditor(auditor: User) -> Client:
    client = Client()
    client.force_login(auditor)
    return client


@pytest.fixture
def one(staff: User) -> Submission:
    """A submission with its events."""
    made = store(staff, Outcome.UNKNOWN)
    for event_type in (CONSUMER_CREATE_REQUESTED, CONSUMER_OUTCOME_UNKNOWN):
        with transaction.atomic():
            record(recording.event_of(event_type, made, acting(staff)))
    return made
