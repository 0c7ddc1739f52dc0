"""Text that was mistyped, rejected or quoted back is not stored: :mod:`tests.e2e.traces` searches for it."""

from __future__ import annotations

import datetime
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings as project
from django.core.cache import cache
from django.db import connection
from playwright.sync_api import expect
from pytest_django import Settings

from apps.accounts.models import User
from apps.accounts.sign_in.session_store import SessionStore
from apps.consumers.models import Outcome
from apps.consumers.reconciliation import resolution
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.pages import WHOLE, creates, expect_headline, fill_entry, open_form, press_create
from tests.e2e.test_outcomes import UNKNOWN
from tests.e2e.traces import TYPED, Traces
from tests.e2e.windows import Windows
from tests.e2e.world import CONSUMER
from tests.support.entries import store
from tests.support.markers import Markers, logged_at_debug

pytestmark = pytest.mark.e2e

BOUND = 20  # seconds
MARK_UNKNOWN_MS = 15_000  # the worker has to start; then the receipt reloads every three seconds


def test_failed_sign_in_stores_neither_name_nor_password(windows: Windows, staff: User) -> None:
    page = windows.open()
    page.goto("/accounts/login/")
    for name in (TYPED["failed user name"], f"{TYPED['failed mailbox']}@example.com", "sam"):
        page.get_by_label("User name").fill(name)
        page.get_by_label("Password").fill(TYPED["failed password"])
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("[data-error-summary]")).to_contain_text("is incorrect")


def test_search_terms_are_not_stored(windows: Windows, staff: User) -> None:
    page = windows.open(staff)
    number, mistake = TYPED["search for an order number"], TYPED["search by mistake"]
    for label, text, answer in (
        ("Order", number, "No order found"),
        ("Order", f"{mistake}@example.com", "email address"),
        ("Order number", number, "No order found"),
        ("Order number", f"{mistake}@example.com", "not an email address"),
        ("Guest reference", mistake, "Enter the guest reference in full"),
        ("Order reference", mistake, "Enter the order reference in full"),
    ):
        page.goto("/orders/")
        if label != "Order":
            page.get_by_text("Search by one field").click()
        page.get_by_label(label, exact=True).fill(text)
        page.get_by_role("button", name="Find order" if label == "Order" else "Search").click()
        expect(page.locator("main")).to_contain_text(answer)
        expect(page.get_by_label(label, exact=True)).to_have_value(text)
    page.goto("/guests/")
    page.get_by_label("Email address").fill(f"{mistake}@example.com")
    page.get_by_role("button", name="Find guest").click()
    expect(page.locator("main")).to_contain_text("No guest found")


def test_text_quoted_by_the_vendor_is_shown_but_not_stored(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, WHOLE)
    for fault in ("400_quoting", "422", "500_long_before"):
        sandbox.sandbox.faults.arm(Armed(fault))
        with page.expect_navigation():
            press_create(page)
    expect_headline(page, UNKNOWN)
    assert creates(sandbox) == 3


def test_worker_resolves_the_submission_of_a_lost_process_without_logging_personal_data(
    windows: Windows, staff: User, sandbox: SandboxServer, traces: Traces, tmp_path: Path
) -> None:
    long_ago = datetime.datetime.now(datetime.UTC) - resolution.longest_send() - datetime.timedelta(seconds=1)
    left = store(staff, Outcome.SENDING, CONSUMER, deadline=long_ago)
    page = windows.open(staff)
    page.goto(f"/submissions/{left.public_id}/")
    with _worker(traces.worker_log, sandbox, tmp_path):
        expect_headline(page, UNKNOWN, timeout=MARK_UNKNOWN_MS)
    expect(page.locator("main")).to_contain_text(CONSUMER.last_name)
    assert "consumer.outcome_unknown" in traces.worker_log.read_text()


@contextmanager
def _worker(log: Path, sandbox: SandboxServer, tmp_path: Path) -> Iterator[None]:
    """The worker as a separate process on the database of this test, at LOG_LEVEL=DEBUG."""
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{connection.settings_dict['NAME']}",
        "CDP_BASE_URL": sandbox.base_url,
        "SPOOL_DIR": str(tmp_path / "spool"),
        "AUDIT_CHECKPOINT_FILE": str(tmp_path / "checkpoints.jsonl"),
        "LOG_LEVEL": "DEBUG",
    }
    command = [sys.executable, "manage.py", "worker"]
    with log.open("a") as output:
        process = subprocess.Popen(
            command, cwd=project.BASE_DIR, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(BOUND) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(BOUND)


def test_trace_search_finds_planted_markers(
    transactional_db: None, tmp_path: Path, settings: Settings, staff: User
) -> None:
    """The search can fail: each searched place gets its own marker."""
    typed = Markers()
    settings.BASE_DIR = tmp_path
    left = Traces(tmp_path / "logs", typed)
    for folder in (left.folder, settings.SPOOL_DIR, tmp_path / "var/static"):
        folder.mkdir(parents=True)
    with left.portal_log.open("w") as log, logged_at_debug(log):
        logging.getLogger("apps.of_a_test").debug("request_finished %s", typed["log"])
    session = SessionStore()
    session["entry"] = typed["session"]
    session.save()
    cache.set("entry", typed["cache"])
    store(staff, Outcome.CREATED, error_field=typed["column"])
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint")  # now it is in both files
    (settings.SPOOL_DIR / "one.json").write_text(typed["spool"])
    (tmp_path / "var/anything").write_text(typed["file"])
    (tmp_path / "var/sandbox.sqlite3").write_text(typed["vendor's side"])
    (tmp_path / "var/static/portal.css").write_text(typed["static"])
    left.worker_log.write_text(typed["worker"])
    left.note_printed(typed["printed"])
    left.of_sandbox.append(typed["sandbox"])
    left.seen += [f"/orders/?number={typed['address']}", f"/{typed['search by mistake']}"]
    left.search_after_a_test()
    left.search_after_all()
    cache.clear()
    places = sorted({found.partition(":")[0] for found in left.found()})
    assert places == [
        "address in an address",
        "cache in a row",
        "column in a row",
        "column in the database file",
        "column in the database file -wal",
        "file in the file anything",
        "log in the file portal.log",
        "printed in the file printed.log",
        "sandbox in the log of the sandbox",
        "session in a row",
        "spool in the file one.json",
        "worker in the file worker.log",
    ]
