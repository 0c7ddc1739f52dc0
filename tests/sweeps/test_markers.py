"""Twenty random letters in every field, quoted back by the vendor, at DEBUG: found nowhere afterwards.

The story uses all forms, anonymous and as each role. Then every possible store is searched: the rows of a
dump, the bytes of the database, the log, response headers, and links of pages.
"""

from __future__ import annotations

import base64
import io
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.core.cache import cache
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.consumers.models import DigestKind, Outcome, Submission
from apps.consumers.sending import submit
from apps.core import personal_data
from sandbox.api.routes import ROUTES
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.support import personal_rows
from tests.support.entries import on_page, posted, store
from tests.support.markers import Markers, database_bytes, logged_at_debug, rows
from tests.support.people import PASSWORD
from tests.support.resolving import confirm, enter

NEW = "/consumers/new/"
ORDERS = "/orders/"
# Markers that are stored, encrypted: otherwise the search for them would prove nothing.
STORED = {
    "first_name", "last_name", "nationality", "passport_number", "mailbox", "mail host", "identifiers-0-id",
    "name in a draft", "order in a draft",
    "sent date", "sent phone number", "created note", "not_created note", "note of a correction",
    *(f"searched {kind.value}" for kind in DigestKind),
}  # fmt: skip
FAULTS = ("400_quoting", "400_long", "404", "500_long_before", "200_html_before", "alien_hrefs")


class Visitor(Client):
    """A browser that records response headers and the addresses in pages."""

    def __init__(self, seen: list[str], **more: Any) -> None:
        super().__init__(raise_request_exception=False, **more)
        self.seen = seen

    def request(self, **request: Any) -> Any:
        response = super().request(**request)
        assert isinstance(response, HttpResponse)
        self.seen += [f"{name}: {value}" for name, value in response.headers.items()]
        self.seen += [morsel.OutputString() for morsel in response.cookies.values()]
        page = response.content.decode()
        self.seen += re.findall(r"""(?:href|src|action|formaction)\s*=\s*["']?[^"'\s>]+""", page)
        return response

    def sign_in(self, username: str, password: str = PASSWORD) -> None:
        answer = self.post("/accounts/login/", {"login": username, "password": password})
        assert answer.status_code == 302


@pytest.fixture
def markers() -> Markers:
    """Also dates of birth and phone numbers, which have no letters: as typed, as shown and as sent."""
    return Markers(
        {
            "typed date": "19 11 1938",
            "shown date": "19 november 1938",
            "sent date": "1938-11-19",
            "typed phone number": "087 654 3219",
            "sent phone number": "353876543219",
            "second phone number": "353861928374",
        }
    )


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that LOG_LEVEL=DEBUG writes."""
    buffer = io.StringIO()
    with logged_at_debug(buffer):
        yield buffer


@pytest.fixture
def vendor(tmp_path: Path, settings: Settings, markers: Markers) -> Iterator[SandboxServer]:
    """A sandbox whose credentials are markers, too."""
    key, token = markers["client key"], markers["API token"]
    markers["credentials"] = base64.b64encode(f"{key}:{token}".encode()).decode().lower()
    data = tmp_path / "sandbox.sqlite3"
    with SandboxServer(data=data, client_key=key, api_token=token) as server:
        settings.CDP_BASE_URL = server.base_url
        settings.CDP_CLIENT_KEY, settings.CDP_API_TOKEN = key, token
        yield server


def _entry(markers: Markers, order: str = SAMPLE_ORDER, **changes: str) -> dict[str, str]:
    """A valid entry: a marker in every text field, and its own date and phone numbers.

    Title, gender and country come from closed lists, like a person's time zone and roles.
    """
    values = posted(order=order)
    return {
        **values,
        **{name: markers[name] for name in ("first_name", "last_name", "nationality")},
        "passport_number": markers["passport_number"],
        "emails-0-value": f"{markers['mailbox']}@{markers['mail host']}.example",
        "emails-1-value": f"{markers['second mailbox']}@example.com",
        **{name: markers[name] for name in values if name.startswith("identifiers-") and "FORMS" not in name},
        "date_of_birth": markers["typed date"],
        "phone_numbers-0-value": markers["typed phone number"],
        "phone_numbers-1-value": f"+{markers['second phone number']}",
        **changes,
    }


def _wrong_entry(markers: Markers) -> dict[str, str]:
    """An entry with a marker in every field, most of them invalid."""
    return {name: markers[f"wrong {name}"] for name in _entry(markers) if not name.endswith("_FORMS")}


def _create(staff: Visitor, vendor: SandboxServer, markers: Markers) -> None:
    complete = {name: value for name, value in posted().items() if name.endswith("_FORMS")}
    token = {"token": posted()["token"]}
    assert staff.post(NEW, _wrong_entry(markers)).status_code == 200
    assert staff.post(NEW, {**_wrong_entry(markers), **complete, **token}).status_code == 200
    assert staff.post(NEW, {**_entry(markers), "add": "identifiers"}).status_code == 200
    row = f"{markers['pasted last name']}\t{markers['pasted mailbox']}@example.com"
    columns = {"paste-0-field": "last_name", "paste-1-field": "emails"}
    for button in ("read", "fill", "discard"):
        pasted = {"paste_text": row, "paste": button, **(columns if button == "fill" else {})}
        assert staff.post(NEW, {**_entry(markers), **pasted}).status_code == 200
    assert (
        staff.post(NEW, {**_entry(markers), "paste_text": markers["pasted and not filled in"]}).status_code
        == 200
    )
    staff.get(NEW, {"order": markers["order in the address"]})
    staff.get(NEW, {"from": markers["earlier try in the address"]})
    for fault in FAULTS:
        vendor.sandbox.faults.arm(Armed(fault))
        # A separate reference, so that no earlier submission blocks it.
        sent = staff.post(NEW, _entry(markers, order=_next_order()))
        assert sent.status_code == 303, fault
        assert staff.get(sent["Location"]).status_code == 200
    vendor.sandbox.faults.clear()
    created = staff.post(NEW, _entry(markers))
    assert created["Location"].startswith("/submissions/")
    staff.get(created["Location"])
    assert staff.post(NEW, _entry(markers)).status_code == 200  # the warning


def _next_order() -> str:
    """An order without submissions."""
    return str(uuid.uuid4())


def _fault_in_a_view(staff: Visitor, markers: Markers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise an exception in a view: its text and its cause's text contain typed text."""

    def fault(**_: Any) -> None:
        try:
            raise ValueError(f"Not a number: {markers['text of a cause']}")
        except ValueError as error:
            raise RuntimeError(f"Cannot take {markers['text of a fault']}") from error

    with monkeypatch.context() as patch:
        patch.setattr(submit, "submit", fault)
        assert staff.post(NEW, _entry(markers, order=_next_order())).status_code == 500


def _draft(staff: Visitor, markers: Markers) -> None:
    """Save a draft, open it, and leave it in the lists of the start page and the form."""
    form = on_page(staff.get(NEW))
    public_id, page, _base, _version = form["draft"].split("/")
    typed = _entry(markers, order=markers["order in a draft"], last_name=markers["name in a draft"])
    typed["entry_of"] = form["entry_of"]
    address = f"/consumers/drafts/{public_id}/"
    assert staff.post(address, {**typed, "draft": f"{public_id}/{page}/0/1"}).status_code == 200
    assert staff.post(address, {**typed, "draft": markers["mark of a draft"]}).status_code == 400
    late = {**typed, "first_name": markers["draft without a session"], "draft": f"{public_id}/{page}/0/2"}
    assert Visitor(staff.seen).post(address, late).status_code == 401
    for shown in (f"{NEW}?draft={public_id}", NEW, "/"):
        assert staff.get(shown).status_code == 200
    staff.get(NEW, {"draft": markers["draft in the address"]})


def _look_up(staff: Visitor, vendor: SandboxServer, markers: Markers) -> None:
    wrong = {
        name: f"{markers[f'search {name}']}@example.com"
        for name in ("order_number", "guest_ref", "order_ref")
    }
    for name, value in wrong.items():
        assert staff.get(ORDERS, {name: value}).status_code == 200
    for fault in ("", *FAULTS):  # an order number is searched for at the vendor
        if fault:
            vendor.sandbox.faults.arm(Armed(fault, operation="list_orders"))
        staff.get(ORDERS, {"order_number": markers["order number"]})
        vendor.sandbox.faults.clear()
    staff.get(f"{ORDERS}{markers['reference in the address']}/")
    submission = Submission.objects.filter(outcome=Outcome.CREATED).latest("submitted_at")
    pages = (
        f"{ORDERS}{SAMPLE_ORDER}/",
        f"/guests/{submission.guest_ref}/",
        f"/order-consumers/{submission.consumer_ref}/",
    )
    for page in pages:
        assert staff.get(page).status_code == 200
        for fault in FAULTS:
            for route in ROUTES:
                vendor.sandbox.faults.arm(Armed(fault, operation=route.operation))
            assert staff.get(page).status_code < 504
            vendor.sandbox.faults.clear()


def _search(supervisor: Visitor, markers: Markers) -> None:
    """Search for each kind of value, and open what the result leads to."""
    typed = {f"search-{kind.value}": markers[f"searched {kind.value}"] for kind in DigestKind}
    found = supervisor.post("/submissions/", typed)
    assert found.status_code == 303
    query = found.headers["Location"].partition("?")[2]
    for page in ("/submissions/", "/submissions/figures/", "/submissions/export/"):
        assert supervisor.get(f"{page}?{query}").status_code == 200
    late = {"search-email": markers["refused search"], "search-phone": "7" * 501}
    assert supervisor.post("/submissions/", late).status_code == 200  # returned with an error


def _resolve(supervisor: Visitor, person: User, markers: Markers) -> None:
    for outcome in ("created", "not_created"):
        unknown = store(person, Outcome.UNKNOWN)
        page = f"/submissions/{unknown.public_id}/"
        supervisor.get(page)
        note = {"note_text": f"Said {markers[f'{outcome} shared note']}"}
        assert supervisor.post(f"{page}note/", note).status_code == 303
        too_long = {"note_text": f"{markers[f'{outcome} refused note']} " * 400}
        assert supervisor.post(f"{page}note/", too_long).status_code == 200
        assert supervisor.post(f"{page}take/", {"holder": markers["no holder"]}).status_code == 303
        wrong = {f"{outcome}-{name}": markers[f"{outcome} {name}"] for name in ("reason", "consumer_ref")}
        note = {f"{outcome}-note": f"Told by {markers[f'{outcome} note']}"}
        refused = supervisor.post(f"{page}resolve/", {"outcome": outcome, **wrong, **note})
        assert refused.status_code == 200
        right = {f"{outcome}-reason": "other", f"{outcome}-consumer_ref": _next_order()}
        answer = supervisor.post(f"{page}resolve/", {"outcome": outcome, **right, **note})
        if outcome == "created":
            too_late = {"outcome": outcome, **right, "created-note": f"Also {markers['note too late']}"}
            answer = confirm(supervisor, unknown, answer)
            assert supervisor.post(f"{page}resolve/", too_late).status_code == 409
            corrected = {"not_created-reason": "other", "not_created-note": markers["note of a correction"]}
            assert enter(supervisor, unknown, {"outcome": "not_created", **corrected}).status_code == 303
        assert answer.status_code == 303
        supervisor.get(page)
        supervisor.post(f"{page}resolve/", {"outcome": markers["no outcome"]})


def _send_without_a_session(staff: Visitor, seen: list[str], markers: Markers) -> None:
    """Post after the end of the session, which seals the entry; then post an old form token."""
    mark = on_page(staff.get(NEW))["entry_of"]
    visitor = Visitor(seen)
    late = _entry(markers, entry_of=mark, first_name=markers["sent too late"])
    assert visitor.post(NEW, late).status_code == 302
    strict = Visitor(seen, enforce_csrf_checks=True)
    strict.cookies = staff.cookies
    strict.post(NEW, _entry(markers, csrfmiddlewaretoken=markers["form secret"]))
    strict.post(NEW, {**late, "csrfmiddlewaretoken": markers["form secret"]})
    # Django's own log lines about refused requests include the request, and with it the whole address.
    strict.post(NEW, {"csrfmiddlewaretoken": "none"}, query_params={"order": markers["query"]})
    strict.post(f"/accounts/set-password/MQ/{markers['token of a refused link']}/", {})
    strict.post(f"/{markers['address of nothing']}/", {})
    strict.get(
        f"/{markers['address of nothing']}/", {"q": markers["query"]}, headers={"host": "elsewhere.example"}
    )


def _people(administrator: Visitor, seen: list[str], markers: Markers) -> None:
    for _ in range(6):  # up to the limit
        form = {"login": markers["failed user name"], "password": markers["failed password"]}
        Visitor(seen).post("/accounts/login/", form)
    Visitor(seen).post("/accounts/login/", {"login": "sam", "password": markers["wrong password of sam"]})
    wrong = {name: f"{markers[f'person {name}']} <>" for name in ("username", "time_zone", "roles")}
    assert administrator.post("/people/new/", {**wrong, "name": "Nora"}).status_code == 200
    added = administrator.post("/people/new/", {"username": "nora", "name": "Nora", "roles": "staff"})
    page = added["Location"]
    shown = administrator.post(f"{page}password-link/", follow=True).content.decode()
    [(path, token)] = {*re.findall(r"(/accounts/set-password/[^/\s]+/)([^/\s\"<]+)/", shown)}
    del seen[:]  # the page and its answer show the link intentionally, once
    visitor = Visitor([])
    moved = visitor.get(f"{path}{token}/")["Location"]
    visitor.seen = seen
    markers["password link token"] = token.lower()
    visitor.get(f"{path}{markers['token that is none']}/")
    _expect_nothing("a session that waits for a password", [*rows()], markers)
    assert visitor.get(moved).status_code == 200
    unequal = {"new_password": markers["unequal password"], "new_password_again": markers["other password"]}
    assert visitor.post(moved, unequal).status_code == 200
    password = f"{markers['password']} 1"
    chosen = visitor.post(moved, {"new_password": password, "new_password_again": password})
    assert chosen.status_code == 302
    visitor.sign_in("nora", password)
    again = f"{markers['next password']} 2"
    own = {"current_password": password, "new_password": again, "new_password_again": again}
    assert (
        visitor.post("/accounts/password/", {**own, "current_password": markers["no password"]}).status_code
        == 200
    )
    assert visitor.post("/accounts/password/", own).status_code == 302


@pytest.fixture
def _counters(transactional_db: None) -> Iterator[None]:
    """Clear the counters of failed sign-ins afterwards: no flush empties the table of the cache."""
    yield
    cache.clear()


@pytest.mark.usefixtures("_counters")
def test_no_marker_is_found_after_a_story_over_all_forms(
    staff: User,
    supervisor: User,
    administrator: User,
    vendor: SandboxServer,
    markers: Markers,
    log: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []
    of_staff, of_supervisor, of_administrator = Visitor(seen), Visitor(seen), Visitor(seen)
    for visitor, username in ((of_staff, "sam"), (of_supervisor, "sue"), (of_administrator, "ada")):
        visitor.sign_in(username)
    logged = [*seen]
    _people(of_administrator, seen, markers)
    seen += logged
    _create(of_staff, vendor, markers)
    _draft(of_staff, markers)
    _fault_in_a_view(of_staff, markers, monkeypatch)
    _look_up(of_staff, vendor, markers)
    _search(of_supervisor, markers)
    _resolve(of_supervisor, staff, markers)
    _send_without_a_session(of_staff, seen, markers)
    for visitor in (of_staff, of_supervisor, of_administrator):
        for page in ("/", "/submissions/", "/accounts/profile/"):
            visitor.get(page)

    lines = log.getvalue()
    assert len(markers) > 60
    assert "RuntimeError" in lines  # the fault is logged without its text
    assert {*Submission.objects.values_list("outcome", flat=True)} >= {"created", "rejected", "unknown"}
    _expect_nothing("the rows", [*rows()], markers)
    decrypted = " ".join(one.text for row in _personal_rows() for one in personal_rows.describe(row))
    assert {*markers.found_in(decrypted)} >= STORED
    _expect_nothing("the log", lines.splitlines(), markers)
    # An order number belongs to the organisation, and "Try again" links to that search. E-mails are refused.
    again = f'href="/orders/?order_number={markers["order number"]}'
    assert again in seen
    _expect_nothing("heads and links", [text for text in seen if text != again], markers)
    _expect_nothing("the events", [str(row) for row in AuditEvent.objects.values()], markers)
    on_disk = {where: names for where, content in database_bytes() if (names := markers.found_in(content))}
    assert on_disk == {}
    keys = [client.cookies[project.SESSION_COOKIE_NAME].value for client in (of_staff, of_supervisor)]
    assert not [key for key in keys if key in lines]


def _personal_rows() -> Iterator[Model]:
    for definition in personal_data.registered():
        yield from personal_rows.find(definition.model)


def _expect_nothing(where: str, texts: list[str], markers: Markers) -> None:
    assert texts
    found = {
        f"{', '.join(names)} in {where}: {text[:300]}" for text in texts if (names := markers.found_in(text))
    }
    assert found == set()
