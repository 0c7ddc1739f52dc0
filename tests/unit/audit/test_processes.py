"""Up to sixteen writers in four processes, some of them signing: no fork, no gap, nothing lost."""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection

from apps.audit.integrity import checkpoints
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.verification import verify
from apps.audit.models import AuditEvent
from tests.support.source import ROOT

pytestmark = pytest.mark.django_db(transaction=True)

PROCESSES = 4
EVENTS_EACH = 12
BOUND = 120  # seconds

PROGRAM = """
import sys, threading
import django
django.setup()
from django.db import connection, transaction
from apps.consumers.audit_events import SUBMISSION_VIEWED
from apps.audit.events import Event
from apps.audit.recording import record
from apps.audit.integrity.signing import sign_checkpoint
from apps.core.actor import Actor

process, threads, events = map(int, sys.argv[1:])

def write(number):
    actor = Actor.system(f"writer-{process}-{number}")
    for turn in range(events):
        with transaction.atomic():
            record(Event(SUBMISSION_VIEWED, actor))
        if number == 0 and turn % 4 == 3:
            sign_checkpoint(actor)
    connection.close()

writers = [threading.Thread(target=write, args=(number,)) for number in range(threads)]
for writer in writers:
    writer.start()
for writer in writers:
    writer.join()
"""


def url_of_the_test_database() -> str:
    known = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{known['NAME']}"
    person = f"{quote(known['USER'])}:{quote(known['PASSWORD'])}@" if known["USER"] else ""
    return f"postgres://{person}{known['HOST']}:{known['PORT']}/{known['NAME']}"


def test_processes_at_once_make_one_chain_and_one_file_of_checkpoints() -> None:
    threads = 1 if connection.vendor == "sqlite" else 4
    environment = {
        **os.environ,
        "PORTAL_MODE": "practice",
        "DJANGO_SETTINGS_MODULE": "consumerportal.settings",
        "DATABASE_URL": url_of_the_test_database(),
        "AUDIT_CHECKPOINT_FILE": str(settings.AUDIT_CHECKPOINT_FILE),
        "LOG_LEVEL": "ERROR",
    }
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(process), str(threads), str(EVENTS_EACH)],
            env=environment,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for process in range(PROCESSES)
    ]
    for process in running:
        _, errors = process.communicate(timeout=BOUND)
        assert process.returncode == 0, errors[-2_000:]
        assert "Traceback" not in errors, errors[-2_000:]
    signed = [found.seq for _, found in checkpoints.read(settings.AUDIT_CHECKPOINT_FILE)]
    assert 1 <= len(signed) <= PROCESSES * EVENTS_EACH // 4
    assert len(signed) == AuditEvent.objects.filter(action="audit.checkpoint_signed").count()
    viewed = AuditEvent.objects.filter(action="submission.viewed")
    for process_ in range(PROCESSES):
        for thread in range(threads):
            assert viewed.filter(actor_name=f"system:writer-{process_}-{thread}").count() == EVENTS_EACH
    result = verify()
    assert (result.verdict, result.last) == (Verdict.UNCHANGED, AuditEvent.objects.count())
    assert result.checkpoint == signed[-1]
