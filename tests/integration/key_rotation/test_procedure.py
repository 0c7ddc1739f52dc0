"""Keys are replaced machine by machine while people work: nothing is unreadable, lost or created twice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.cdp.consumers import NewConsumer
from apps.cdp.factory import get_client
from apps.consumers.models import DigestKind, Outcome, Submission
from apps.consumers.sending.submit import IdenticalOpen
from apps.consumers.sending.warnings import find_warnings
from apps.core import encryption, key_fingerprints
from consumerportal import key_rewriting
from consumerportal.keys import accept_keys, register_keys, retire_key, use_key
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.key_rotation import (
    ACTOR,
    BOUND,
    KINDS,
    NEW_KEYS,
    Machine,
    found_by,
    rewrite_all,
    submit,
)
from tests.support.people import PASSWORD
from tests.support.unique_entries import consumer as another

pytestmark = pytest.mark.django_db(transaction=True)


# --- The whole procedure on two machines -------------------------------------------------------------
def test_at_each_step_both_machines_read_find_and_stop_what_the_other_stored(
    staff: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = {name: list(getattr(settings, name)) for name in KINDS}
    both = {name: [*old[name], NEW_KEYS[name]] for name in KINDS}
    turned = {name: [NEW_KEYS[name], *old[name]] for name in KINDS}
    new = {name: [NEW_KEYS[name]] for name in KINDS}
    one, two = Machine(old), Machine(old)
    made: list[tuple[Submission, NewConsumer]] = []

    def check(step: str, *, two_notices: bool = True) -> None:
        for writer, reader in ((one, two), (two, one)):
            with writer.running(settings, notice=two_notices or writer is one):
                consumer = another()
                made.append((submit(staff, consumer), consumer))
            with reader.running(settings, notice=two_notices or reader is one):
                for submission, sent in made:
                    assert Submission.objects.get(pk=submission.pk).consumer == sent, step
                    assert found_by(DigestKind.LAST_NAME, sent.last_name) == [submission.pk], step
                    with pytest.raises(IdenticalOpen) as stopped:
                        submit(staff, sent)
                    assert stopped.value.submission.pk == submission.pk, step
                    similar = [found.submission for found in find_warnings(SAMPLE_ORDER, sent)]
                    assert submission in similar, step

    def run(act: Callable[[], object]) -> None:
        with one.running(settings):
            act()

    def of_both(act: Callable[[str], object], *, new_key: bool) -> None:
        for name, kind in KINDS.items():
            at = kind.fingerprints()[both[name].index(NEW_KEYS[name]) if new_key else 0]
            act(key_fingerprints.label_of(kind.name, at))

    check("before")
    one.settings = both
    check("the first machine has the new keys")
    two.settings = turned
    check("both have them, in another order")
    assert {bytes(row.encrypted_consumer)[:4] for row, _sent in made} == {_key_id(old)}
    run(lambda: register_keys(ACTOR))
    check("added")
    run(lambda: of_both(lambda label: use_key(label, ACTOR), new_key=True))
    check("in use, which the second machine has not noticed", two_notices=False)
    check("in use")
    monkeypatch.setattr(key_rewriting, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr(key_rewriting, "ROUND_SECONDS", 0)
    for _ in range(3):
        run(lambda: key_rewriting._rewrite_next_rows(key_rewriting._next(dt.timedelta()), ACTOR))  # type: ignore[arg-type]
    check("half of the rows are written again")
    monkeypatch.setattr(key_rewriting, "ROUND_SECONDS", BOUND)
    run(rewrite_all)
    check("all rows are written again")
    run(lambda: of_both(lambda label: retire_key(label, ACTOR), new_key=False))
    check("retired")
    one.settings = new
    check("the first machine has the new keys only")
    two.settings = new
    check("both have the new keys only")
    for machine in (one, two):
        with machine.running(settings):
            accept_keys(ACTOR)


def _key_id(of: dict[str, list[str]]) -> bytes:
    [key, *_rest] = encryption.read_keys(of["ENCRYPTION_KEYS"])
    return encryption.key_fingerprint(key)[: encryption.KEY_ID_BYTES]


# --- The secret key and the vendor's token -----------------------------------------------------------
NEXT_SECRET = "the next secret key of this test 0123456789 0123456789"


@pytest.mark.parametrize(
    ("shown_by", "posted_to"),
    [
        (["old"], ["old", "new"]),  # the first step: every machine accepts the new key
        (["old", "new"], ["old"]),
        (["old", "new"], ["new", "old"]),  # the second step: machines change one after the other
        (["new", "old"], ["old", "new"]),
        (["new", "old"], ["new"]),  # the third step: the old key leaves
    ],
)
def test_form_typed_while_the_secret_key_is_replaced_is_not_lost(
    staff: User, settings: Settings, shown_by: list[str], posted_to: list[str]
) -> None:
    secrets = {"old": settings.SECRET_KEY, "new": NEXT_SECRET}

    def machine(first: str, *others: str) -> None:
        settings.SECRET_KEY = secrets[first]
        settings.SECRET_KEY_FALLBACKS = [secrets[one] for one in others]

    machine(*shown_by)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(staff)
    form = browser.get("/consumers/new/").context
    session = browser.cookies[settings.SESSION_COOKIE_NAME].value
    machine(*posted_to)
    values = {
        "entry_of": str(form["entry_of"]),
        "csrfmiddlewaretoken": str(form["csrf_token"]),
        "last_name": "Keptington",
        "emails-TOTAL_FORMS": "1",
        "emails-INITIAL_FORMS": "0",
    }
    page = browser.post("/consumers/new/", values)
    assert page.status_code == 200  # the form with its errors: the person is still signed in
    assert "Keptington" in page.content.decode()
    assert browser.cookies[settings.SESSION_COOKIE_NAME].value == session
    visitor = Client()  # the session has ended while the form was open
    assert visitor.post("/consumers/new/", values).status_code == 302
    machine(*shown_by)
    visitor.post("/accounts/login/", {"login": staff.username, "password": PASSWORD})
    machine(*posted_to)
    assert "Keptington" in visitor.get("/consumers/new/").content.decode()


def test_two_tokens_of_the_api_overlap_so_machines_change_one_after_the_other(
    staff: User, settings: Settings, tmp_path: Any
) -> None:
    with SandboxServer(data=tmp_path / "tokens.sqlite3", api_token="first-token,second-token") as server:
        settings.CDP_BASE_URL = server.base_url
        for token, outcome in (
            ("first-token", Outcome.CREATED),
            ("second-token", Outcome.CREATED),
            ("third-token", Outcome.REJECTED),
        ):
            settings.CDP_API_TOKEN = token
            consumer = another()
            assert submit(staff, consumer, get_client()).outcome == outcome
