"""The audit log between transactional tests: emptied by the flush, with triggers, and writable."""

from contextlib import suppress

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from apps.accounts.audit_events import SESSION_SIGNED_IN
from apps.audit.events import Event
from apps.audit.models import AuditEvent, AuditHead
from apps.audit.recording import record
from apps.audit.triggers import missing_triggers
from apps.core.actor import Actor
from tests.support.audit_flush import flushes_lift_the_triggers, lift_triggers
from tests.support.audit_logs import recorded


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", [1, 2])
def test_each_transactional_test_begins_with_an_empty_writable_log(anna: Actor, turn: int) -> None:
    assert not AuditEvent.objects.exists()
    with transaction.atomic():
        assert record(Event(SESSION_SIGNED_IN, anna)) == 1


@pytest.mark.django_db(transaction=True)
def test_flush_leaves_the_triggers_and_no_head(anna: Actor) -> None:
    with transaction.atomic():
        record(Event(SESSION_SIGNED_IN, anna))
    with flushes_lift_the_triggers():
        call_command("flush", interactive=False, verbosity=0)
    assert missing_triggers(connection) == []
    assert not AuditEvent.objects.exists()
    assert not AuditHead.objects.exists()


@pytest.mark.django_db
def test_triggers_are_restored_if_the_block_fails(anna: Actor) -> None:
    recorded(Event(SESSION_SIGNED_IN, anna))
    with suppress(ZeroDivisionError), lift_triggers(connection):
        assert len(missing_triggers(connection)) >= 3
        raise ZeroDivisionError
    assert missing_triggers(connection) == []
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_event")
