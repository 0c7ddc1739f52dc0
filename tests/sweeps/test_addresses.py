"""Every address as every user: anonymous, each role, and a person without one; access and headers."""

from __future__ import annotations

import datetime
import uuid

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.accounts.roles import ROLES
from apps.audit.models import AuditEvent
from apps.cdp.consumers import NewConsumer
from apps.cdp.factory import get_client
from apps.consumers import identity_rules
from apps.consumers.sending import submit
from apps.core.web.background import is_background
from apps.core.web.failures import Effects, effects_of
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.addresses import ADDRESSES, METHODS, Address
from tests.support.batch_sending import checked_batch, people
from tests.support.export_rows import prepared
from tests.support.headers import header_faults
from tests.support.history_rows import saved_view
from tests.support.people import TESTS, acting, make_person
from tests.support.permissions import PERMISSIONS

pytestmark = pytest.mark.once

# Without signing in. Each has its reason.
PUBLIC = {
    "healthz": "machines ask whether the process answers",
    "readyz": "machines ask whether it may be given people",
    "account_login": "the sign-in page",
    "account_logout": "leads nobody to the sign-in page",
    "password_link": "opened by people who have no password yet",
}
# For every signed-in person, whatever their roles.
SIGNED_IN = {
    "start": "shows what the person may do, and only that",
    "own_profile": "one's own account",
    "own_password": "one's own password",
    "extend_session": "one's own session",
    "sign_out_elsewhere": "one's own sessions",
    "components": "fixed examples, in practice mode only",
}


def test_every_view_is_guarded_or_exempted_with_a_reason() -> None:
    unguarded = {address.name for address in ADDRESSES if address.permissions is None}
    assert unguarded - PUBLIC.keys() - SIGNED_IN.keys() == set()
    guarded = {address.name for address in ADDRESSES} - unguarded
    assert guarded & (PUBLIC.keys() | SIGNED_IN.keys()) == set()


def test_exactly_the_public_views_need_no_sign_in() -> None:
    open_views = {a.name for a in ADDRESSES if not getattr(a.view, "login_required", True)}
    assert open_views == PUBLIC.keys()


# They name a submission, which is another person's in this test.
OF_A_SUBMISSION = {"consumers:receipt", "consumers:check_now"}


def test_views_and_matrix_name_existing_permissions() -> None:
    defined = {
        f"{model._meta.app_label}.{codename}"
        for model in apps.get_models()
        for codename, _words in model._meta.permissions
    }
    named = {name for address in ADDRESSES for name in address.permissions or ()}
    assert named <= PERMISSIONS
    assert defined == PERMISSIONS


@pytest.mark.parametrize("who", ["nobody", "nothing", *ROLES])
def test_every_address_answers_every_role_as_in_the_matrix_with_the_headers(
    transactional_db: None, sandbox: SandboxServer, who: str
) -> None:
    person = None if who == "nobody" else make_person("wanda", *([who] if who in ROLES else []))
    make_person("ada", "administrator")  # so that the last administrator is not among the targets
    known = _values(make_person("sam", "staff"))
    client = Client()
    wrong, refused, statuses = [], 0, set()
    for address in ADDRESSES:
        path = reverse(address.name, kwargs={name: known[name] for name in address.arguments})
        for method in METHODS:
            # Signing out, here and elsewhere, is among the addresses.
            if person is not None and SESSION_KEY not in client.session:
                client.force_login(User.objects.get(pk=person.pk))
            response = getattr(client, method)(path)
            refused += response.status_code == 403
            statuses.add(response.status_code)
            wrong += [f"{method} {path} {response.status_code}: {fault}" for fault in header_faults(response)]
            if problem := _problem(address, who, response):
                wrong.append(f"{method} {path}: {problem}")
            is_marked = effects_of(response.wsgi_request) != Effects()
            if is_marked and (method, response.status_code) == ("post", 405):
                wrong.append(f"{method} {path}: 405, though marked with what it may have done if it fails")
    visited = len(ADDRESSES) * len(METHODS)
    print(f"{visited} requests as {who}, {refused} refused")
    assert wrong == []
    assert visited >= 50
    assert {200, 302, 405} <= statuses
    assert AuditEvent.objects.filter(action="access.denied").count() == refused


def _values(other_person: User) -> dict[str, object]:
    """A value for each argument of an address, of existing objects that belong to another person."""
    submission = submit.submit(
        order_ref=SAMPLE_ORDER,
        consumer=NewConsumer(
            first_name="Somebody",
            last_name="Else",
            date_of_birth=datetime.date(1990, 1, 1),
            emails=("a@b.ie",),
        ),
        token=uuid.uuid4(),
        actor=acting(other_person),
        client=get_client(),
    )
    rule = identity_rules.add_rule(name="Rule", provider="Provider", actor=TESTS)
    return {
        "public_id": submission.public_id,
        "export_id": prepared(other_person).public_id,
        "view_id": saved_view(other_person).public_id,
        "batch_id": checked_batch(other_person, people(1)).public_id,
        "number": 2,
        "pk": rule.pk,
        "seq": 1,
        "ref": SAMPLE_ORDER,
        "person_id": other_person.pk,
        "role": "supervisor",
        "uid": "MQ",
        "token": "not-a-token",
    }


def _problem(address: Address, who: str, response: HttpResponseBase) -> str:
    """The problem of the answer; empty if it is as the matrix says."""
    status = response.status_code
    to_sign_in = status == 302 and response.headers["Location"].startswith(reverse(settings.LOGIN_URL))
    if status >= 500:
        return f"{status}"
    if address.name in PUBLIC:
        return "refused" if status == 403 else ""
    if who == "nobody" and is_background(address.view):
        return "" if status == 401 else f"{status} instead of 401"
    if who == "nobody":
        return "" if to_sign_in else f"{status} instead of the sign-in page"
    granted = {*ROLES.get(who, ())}
    if address.name in OF_A_SUBMISSION and "consumers.view_all_submissions" not in granted:
        return "" if status in (403, 405) else f"{status}, though the submission is another person's"
    if "batch_id" in address.arguments and not _may_open_lists_of_others(address, granted):
        # 302: an act that is opened as an address leads to the list, which is denied.
        return "" if status in (302, 403, 405) else f"{status}, though the list is another person's"
    allowed = address.permissions is None or not granted.isdisjoint(address.permissions)
    if allowed:
        return f"{status}, though allowed" if status == 403 or to_sign_in else ""
    # 405: the address does not support the method.
    return "" if status in (403, 405) else f"{status}, though not allowed"


def _may_open_lists_of_others(address: Address, granted: set[str]) -> bool:
    """Supervisors see and control them, and change no row."""
    name = "batches.control_all_batches"
    return name in granted and name in (address.permissions or ())
