"""Every error is a page in the portal's design, with the support code that is in the log."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import InterfaceError, OperationalError, ProgrammingError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpResponseBase
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import Settings

from apps.accounts import services
from apps.accounts.models import Session, User
from apps.accounts.sign_in.session_store import SessionStore
from apps.consumers.models import IdentityRule, Outcome
from apps.core.actor import Actor
from apps.core.models import LimitedAct
from apps.core.web.sealed_entries import author_token
from tests.support.addresses import ADDRESSES
from tests.support.entries import REF, on_page, store, text
from tests.support.people import PASSWORD, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

FORM = "application/x-www-form-urlencoded"
QUERY = "next=/submissions/&next=/people/"
TEXT_OF_THE_FAULT = "the text of the fault"


@pytest.fixture
def visitor() -> Client:
    return Client(raise_request_exception=False)


@pytest.fixture
def of_staff(visitor: Client, staff: User) -> Client:
    visitor.force_login(staff)
    return visitor


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """The lines of the request log."""
    caplog.set_level("INFO", logger="django_structlog")
    return lambda: [record.msg for record in caplog.records if isinstance(record.msg, dict)]


def _expect_page(response: HttpResponseBase, status: int, heading: str, lines: list[dict[str, Any]]) -> None:
    """Assert the status, the design, the explanation, a next step, and a code that is in the log line."""
    page = text(response)  # type: ignore[arg-type]  # the pages are no streams
    assert response.status_code == status
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f"<h1>{heading}</h1>" in page
    assert f"<title>{heading} – " in page
    assert "css/portal" in page
    assert "Practice – nothing reaches Sitecore CDP" in page
    assert 'href="/"' in page
    assert "Traceback" not in page
    assert TEXT_OF_THE_FAULT not in page
    [code] = re.findall(r'Support code <strong class="mono">([0-9a-f]{8})</strong>', page)
    with_code = [line for line in lines if str(line.get("request_id", "")).startswith(code)]
    ends = [line for line in with_code if line["event"] in ("request_finished", "request_failed")]
    # A fault is logged with its traceback and the status of the page.
    assert [(line["code"], "exc_info" in line) for line in ends] == [(status, status >= 500)]


Lines = Callable[[], list[dict[str, Any]]]


def test_request_to_an_unknown_host_is_a_page(visitor: Client, lines: Lines) -> None:
    answer = visitor.get("/accounts/login/", headers={"Host": "elsewhere.example.com"})
    _expect_page(answer, 400, "The portal could not read this request", lines())


@pytest.mark.parametrize(
    "address",
    [
        "/consumers/new/?order=one&order=another",
        "/consumers/new/?from=one&from=another",
        f"/order-consumers/{REF}/?order=one&order=another",
    ],
)
def test_contradictory_address_is_a_page(of_staff: Client, lines: Lines, address: str) -> None:
    answer = of_staff.get(address)
    _expect_page(answer, 400, "The portal could not read this request", lines())
    assert "was sent twice with different values" in text(answer)


@pytest.mark.parametrize("address", ["/accounts/login/", "/accounts/logout/"])
@pytest.mark.parametrize("by", ["GET", "POST"])
def test_sign_in_or_out_with_two_targets_is_a_page(
    of_staff: Client, visitor: Client, lines: Lines, by: str, address: str
) -> None:
    client = of_staff if "logout" in address else Client()
    values = {"next": ["/submissions/", "/people/"], "login": "sam", "password": PASSWORD}
    answer = client.generic(
        by,
        address,
        urlencode(values, doseq=True),
        content_type=FORM,
        QUERY_STRING=QUERY if by == "GET" else "",
    )
    _expect_page(answer, 400, "The portal could not read this request", lines())
    assert ("_auth_user_id" in client.session) == ("logout" in address)


@pytest.mark.parametrize("role", ["staff", ""])
def test_missing_permission_is_a_page(visitor: Client, lines: Lines, role: str) -> None:
    visitor.force_login(make_person("wanda", *([role] if role else [])))
    _expect_page(visitor.get("/people/"), 403, "You do not have permission to open this page", lines())


def test_form_without_csrf_token_is_a_page(lines: Lines) -> None:
    answer = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "sam"})
    _expect_page(answer, 403, "The form could not be verified", lines())


def test_refused_form_with_an_author_can_be_sent_again_from_its_page(of_staff: Client, lines: Lines) -> None:
    """Going back would show a new form: no page is stored by the browser."""
    entry = {"last_name": "Kept", "entry_of": str(of_staff.get("/consumers/new/").context["entry_of"])}
    answer = Client(enforce_csrf_checks=True).post("/consumers/new/", entry)
    _expect_page(answer, 403, "The form could not be verified", lines())
    assert "This page contains what you sent. Sign in in another window, then send it again" in text(answer)
    assert on_page(answer) == entry


def test_page_of_a_refused_form_without_an_author_contains_nothing_of_it(lines: Lines) -> None:
    answer = Client(enforce_csrf_checks=True).post("/consumers/new/", {"last_name": "Kept"})
    _expect_page(answer, 403, "The form could not be verified", lines())
    assert "This page contains" not in text(answer)
    assert "Kept" not in answer.content.decode()


@pytest.mark.parametrize("path", ["/nowhere", "/submissions/00000000-0000-4000-8000-000000000000/"])
def test_missing_record_is_a_page(of_staff: Client, lines: Lines, path: str) -> None:
    _expect_page(of_staff.get(path), 404, "Page not found", lines())


def test_unsupported_method_is_a_page(of_staff: Client, lines: Lines) -> None:
    answer = of_staff.put("/submissions/")
    _expect_page(answer, 405, "This address cannot be opened directly", lines())
    assert answer.headers["Allow"] == "GET, POST"


def test_too_many_fields_are_a_page(of_staff: Client, lines: Lines, settings: Settings) -> None:
    fields = {f"field{number}": "" for number in range(settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1)}
    answer = of_staff.post("/consumers/new/", fields)
    _expect_page(answer, 413, "The form is too large", lines())


def test_too_many_bytes_are_a_page(of_staff: Client, lines: Lines, settings: Settings) -> None:
    body = {"first_name": "x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)}
    answer = of_staff.post("/consumers/new/", body)
    _expect_page(answer, 413, "The form is too large", lines())


@pytest.mark.parametrize("turn", [1, 2])
def test_too_many_attempts_are_a_page(visitor: Client, staff: User, lines: Lines, turn: int) -> None:
    """Twice: the counters of one test are reset in the next."""
    for _ in range(5):
        answer = visitor.post("/accounts/login/", {"login": "sam", "password": "not the password"})
        assert answer.status_code == 200
    answer = visitor.post("/accounts/login/", {"login": "sam", "password": "not the password"})
    _expect_page(answer, 429, "Too many attempts", lines())


# --- Faults of the portal -------------------------------------------------------------------------
@pytest.fixture(params=[OperationalError, InterfaceError])
def lost(request: pytest.FixtureRequest) -> type[Exception]:
    """The exceptions of a database that does not answer; for the second the connection is closed already."""
    kind: type[Exception] = request.param
    return kind


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch, lost: type[Exception]) -> Callable[[], None]:
    """Call the function, then make every use of the database fail as if it did not answer."""

    def gone(*_: Any, **__: Any) -> Any:
        raise lost(TEXT_OF_THE_FAULT)

    def take_away() -> None:
        assert not connection.in_atomic_block, "inside the transaction of the test, closing does nothing"
        connection.close()
        monkeypatch.setattr(connections["default"], "get_new_connection", gone)

    return take_away


@pytest.mark.sql("repeated")
def test_fault_is_a_page(of_staff: Client, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(**_: Any) -> None:
        raise RuntimeError(TEXT_OF_THE_FAULT)

    monkeypatch.setattr("apps.consumers.recording.record_listed", fault)
    _expect_page(of_staff.get("/submissions/"), 500, "The portal has an error", lines())


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_fault_during_a_database_outage_is_a_page(
    of_staff: Client, lines: Lines, monkeypatch: pytest.MonkeyPatch, no_database: Callable[[], None]
) -> None:
    def fault(**_: Any) -> None:
        no_database()
        raise RuntimeError(TEXT_OF_THE_FAULT)

    monkeypatch.setattr("apps.consumers.recording.record_listed", fault)
    _expect_page(of_staff.get("/submissions/"), 500, "The portal has an error", lines())


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/submissions/", "/accounts/login/", "/nowhere"])
def test_lost_database_is_a_page(
    of_staff: Client, lines: Lines, no_database: Callable[[], None], path: str
) -> None:
    no_database()
    _expect_page(of_staff.get(path), 503, "The portal is not available", lines())


# --- The outcome of an act ------------------------------------------------------------------------
RESOLUTION = {"outcome": "not_created", "not_created-reason": "not_seen_in_cdp"}
NOTHING = "Nothing was changed."
PERSON = {"username": "new", "name": "New Person", "time_zone": "", "roles": ["staff"]}


def _disk_is_full(kind: type[Exception]) -> Callable[[object], int]:
    def full(_event: object) -> int:
        raise kind(TEXT_OF_THE_FAULT)

    return full


@pytest.mark.sql("new")
@pytest.mark.parametrize(("kind", "status"), [(OperationalError, 503), (ProgrammingError, 500)])
def test_act_that_cannot_be_recorded_reports_that_nothing_was_changed(
    visitor: Client, staff: User, monkeypatch: pytest.MonkeyPatch, kind: type[Exception], status: int
) -> None:
    unknown = store(staff, Outcome.UNKNOWN)
    visitor.force_login(make_person("ada", "administrator", "supervisor"))
    for module in (
        "apps.accounts.services",
        "apps.consumers.identity_rules",
        "apps.consumers.reconciliation.resolution",
    ):
        monkeypatch.setattr(f"{module}.record", _disk_is_full(kind))
    for path, form in (
        ("/people/new/", PERSON),
        (f"/people/{staff.pk}/grant/supervisor/", {}),
        (f"/people/{staff.pk}/deactivate/", {}),
        ("/identity-rules/", {"name": "Rule", "provider": "Provider"}),
        (f"/submissions/{unknown.public_id}/resolve/", RESOLUTION),
    ):
        answer = visitor.post(path, form)
        assert (path, answer.status_code) == (path, status)
        assert NOTHING in text(answer)
        assert "may have been sent" not in text(answer)
    staff.refresh_from_db()
    unknown.refresh_from_db()
    assert User.objects.count() == 2
    assert (staff.is_active, [group.name for group in staff.groups.all()]) == (True, ["staff"])
    assert not IdentityRule.objects.exists()
    assert unknown.outcome == Outcome.UNKNOWN


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_act_committed_before_the_outage_is_not_reported_as_failed(
    visitor: Client,
    administrator: User,
    lost: type[Exception],
    no_database: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    visitor.force_login(administrator)
    add = services.add_person

    def add_and_lose(**values: Any) -> int:
        added = add(**values)
        no_database()
        return added

    monkeypatch.setattr(services, "add_person", add_and_lose)
    answer = visitor.post("/people/new/", PERSON)
    # Django takes one of the two errors for an ended session: its answer is not changed.
    assert answer.status_code == (503 if lost is InterfaceError else 302)
    assert NOTHING not in text(answer)


NEW_PASSWORD = {"new_password": "winter above the harbour", "new_password_again": "winter above the harbour"}
OWN_PASSWORD = {"current_password": PASSWORD, **NEW_PASSWORD}


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("act", "path", "form"),
    [
        ("set_password", "/accounts/password/", OWN_PASSWORD),
        ("sign_out_everywhere", "/accounts/sign-out-elsewhere/", {}),
        ("set_password_by_link", "", NEW_PASSWORD),
    ],
)
def test_act_committed_before_its_view_loses_the_database_is_not_reported_as_failed(
    of_staff: Client,
    staff: User,
    no_database: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    act: str,
    path: str,
    form: dict[str, str],
) -> None:
    if not path:
        link = services.issue_password_link(person_id=staff.pk, actor=Actor.system("test"))
        path = of_staff.get(reverse("password_link", args=link)).headers["Location"]
    do = getattr(services, act)

    def do_and_lose(**values: Any) -> Any:
        done = do(**values)
        no_database()
        return done

    monkeypatch.setattr(services, act, do_and_lose)
    answer = of_staff.post(path, form)
    assert answer.status_code == 503
    assert NOTHING not in text(answer)


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("by", ["event", "commit"])
def test_only_a_transaction_without_an_attempt_to_commit_certainly_changed_nothing(
    of_staff: Client, staff: User, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """The counter of the limit is stored before, by a statement of its own."""
    commit = BaseDatabaseWrapper._commit  # type: ignore[attr-defined]  # the stubs do not know it

    def commit_and_lose(database: BaseDatabaseWrapper) -> None:
        monkeypatch.undo()
        commit(database)
        raise OperationalError(TEXT_OF_THE_FAULT)

    if by == "event":
        monkeypatch.setattr("apps.accounts.services.record", _disk_is_full(OperationalError))
    else:
        monkeypatch.setattr(BaseDatabaseWrapper, "_commit", commit_and_lose)
    answer = of_staff.post("/accounts/password/", OWN_PASSWORD)
    assert answer.status_code == 503
    assert (NOTHING in text(answer)) == (by == "event")
    assert LimitedAct.objects.exists()
    staff.refresh_from_db()
    assert staff.check_password(PASSWORD) == (by == "event")


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_draft_discarded_by_a_commit_without_confirmation_is_not_reported_as_kept(
    of_staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(_database: BaseDatabaseWrapper) -> None:
        raise OperationalError(TEXT_OF_THE_FAULT)

    monkeypatch.setattr(BaseDatabaseWrapper, "_commit", lose)
    answer = of_staff.post(reverse("consumers:discard_draft", args=[uuid.uuid4()]))
    assert answer.status_code == 503
    assert NOTHING not in text(answer)


SAFE, CHECK_FIRST = "never processed twice", "check whether it was already done"


@pytest.mark.sql("new")
@pytest.mark.parametrize(
    ("view", "words"),
    [
        ("consumers:new", SAFE),  # by the token
        ("consumers:resolve", SAFE),  # by the version
        ("consumers:note", CHECK_FIRST),
        ("history:export", CHECK_FIRST),
    ],
)
def test_page_calls_sending_again_safe_only_for_forms_that_are_done_once(
    visitor: Client, staff: User, rf: RequestFactory, monkeypatch: pytest.MonkeyPatch, view: str, words: str
) -> None:
    supervisor = make_person("sue", "staff", "supervisor")
    visitor.force_login(supervisor)
    of_submission = view in ("consumers:resolve", "consumers:note")
    address = reverse(view, args=[store(staff, Outcome.UNKNOWN).public_id] if of_submission else [])
    request = rf.get(address)
    request.user = supervisor
    form = {**RESOLUTION, "note_text": "Asked", "entry_of": author_token(request)}

    def lose(*_: Any, **__: Any) -> None:
        raise InterfaceError(TEXT_OF_THE_FAULT)

    monkeypatch.setattr(SessionStore, "save", lose)  # what the view did is committed
    answer = visitor.post(address, form)
    assert answer.status_code == 503
    assert "This page contains what you sent." in text(answer)
    assert [one for one in (SAFE, CHECK_FIRST) if one in text(answer)] == [words]
    assert ("may have been sent" in text(answer)) is (view == "consumers:new")


@pytest.mark.sql("new")
@pytest.mark.parametrize(
    ("view", "words"),
    [
        ("consumers:new", [SAFE]),
        ("consumers:resolve", [NOTHING, SAFE]),
        ("consumers:note", [NOTHING]),
        ("batches:new", [CHECK_FIRST]),
        ("batches:columns", [CHECK_FIRST]),
        ("batches:row", [SAFE]),
        ("batches:confirm", [CHECK_FIRST]),
    ],
)
def test_page_of_a_failed_view_says_what_the_view_may_have_done(
    visitor: Client, rf: RequestFactory, monkeypatch: pytest.MonkeyPatch, view: str, words: list[str]
) -> None:
    request = rf.get("/")
    request.user = staff = make_person("sam", "staff", "supervisor")
    visitor.force_login(staff)
    [address] = [one for one in ADDRESSES if one.name == view]
    values = {"public_id": uuid.uuid4(), "batch_id": uuid.uuid4(), "number": 2}

    def lose(*_: Any) -> bool:
        raise OperationalError(TEXT_OF_THE_FAULT)

    monkeypatch.setattr(User, "has_perm", lose)  # the first thing that each view asks
    path = reverse(view, kwargs={name: values[name] for name in address.arguments})
    answer = visitor.post(path, {"entry_of": author_token(request)})
    assert answer.status_code == 503
    assert "This page contains what you sent." in text(answer)
    assert [one for one in (NOTHING, SAFE, CHECK_FIRST) if one in text(answer)] == words


@pytest.mark.sql("new")
def test_page_of_a_form_that_could_not_be_opened_says_nothing_about_a_send(
    visitor: Client, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.force_login(staff)

    def fail(*_: Any) -> bool:
        raise ProgrammingError(TEXT_OF_THE_FAULT)

    monkeypatch.setattr(User, "has_perm", fail)
    answer = visitor.get(reverse("consumers:new"))
    assert answer.status_code == 500
    assert "may have been sent" not in text(answer)


@pytest.mark.sql("new")
def test_form_that_changed_nothing_can_be_sent_again_without_a_check(
    visitor: Client, staff: User, rf: RequestFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = rf.get("/")
    request.user = supervisor = make_person("sue", "supervisor")
    visitor.force_login(supervisor)
    monkeypatch.setattr("apps.consumers.reconciliation.taking.record", _disk_is_full(OperationalError))
    path = f"/submissions/{store(staff, Outcome.UNKNOWN).public_id}/note/"
    answer = text(visitor.post(path, {"note_text": "Asked", "entry_of": author_token(request)}))
    assert NOTHING in answer
    assert "This page contains what you sent." in answer
    assert SAFE not in answer
    assert CHECK_FIRST not in answer


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_failed_reading_mentions_no_changes(of_staff: Client, no_database: Callable[[], None]) -> None:
    no_database()
    answer = text(of_staff.get("/submissions/"))
    assert NOTHING not in answer
    assert "may have been sent" not in answer


@pytest.mark.sql("new")
def test_session_that_the_database_does_not_extend_once_is_not_reported_as_ended(
    of_staff: Client, lost: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_once(*_: Any, **__: Any) -> None:
        monkeypatch.undo()
        raise lost(TEXT_OF_THE_FAULT)

    monkeypatch.setattr(Session, "save", fail_once)
    assert of_staff.post("/accounts/session/").status_code == 503
    assert of_staff.post("/accounts/session/").status_code == 200
