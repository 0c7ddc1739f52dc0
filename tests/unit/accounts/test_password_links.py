"""One-time links: usable once, for a limited time, only the newest, and not for deactivated people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
import time_machine
from django.conf import settings

from apps.accounts import password_links, services
from apps.accounts.audit_events import PERSON_PASSWORD_LINK_REFUSED
from apps.accounts.models import User
from apps.accounts.redaction import hide_addresses
from apps.accounts.roles import ADMINISTRATOR, STAFF
from apps.accounts.services import ActRefusedError, Refusal
from apps.core import clock
from tests.support.people import TESTS, acting, events, make_person

NEW = "the rain in a long walk"
START = dt.datetime(2026, 3, 7, 12, 0, tzinfo=dt.UTC)


def _use(person: User, token: str, password: str = NEW) -> None:
    services.set_password_by_link(person_id=person.pk, token=token, password=password, actor=TESTS)


def _works(person: User, token: str) -> bool:
    return password_links.opens_account(User.objects.get(pk=person.pk), token)


@pytest.mark.django_db
def test_link_sets_the_password_once() -> None:
    person = make_person("pat", password="")
    uid, token = services.issue_password_link(person_id=person.pk, actor=TESTS)
    assert password_links.decode_person(uid) == person.pk

    _use(person, token)
    with pytest.raises(ActRefusedError) as refused:
        _use(person, token, "somebody else was here")

    assert refused.value.refusal is Refusal.LINK_USED_UP
    assert User.objects.get(pk=person.pk).check_password(NEW)
    assert len(events("person.password_set")) == 1
    assert [event.details["reason"] for event in events("person.password_link_refused")] == ["link_used_up"]


@pytest.mark.django_db
def test_link_works_until_it_expires() -> None:
    person = make_person("pat", password="")
    with time_machine.travel(START, tick=False) as clock:
        _, token = services.issue_password_link(person_id=person.pk, actor=TESTS)
        clock.shift(settings.PASSWORD_RESET_TIMEOUT)
        assert _works(person, token)
        clock.shift(1)
        assert not _works(person, token)


@pytest.mark.django_db
def test_newer_link_replaces_the_older() -> None:
    person = make_person("pat", password="")
    _, first = services.issue_password_link(person_id=person.pk, actor=TESTS)
    _, second = services.issue_password_link(person_id=person.pk, actor=TESTS)
    assert not _works(person, first)
    assert _works(person, second)


@pytest.mark.django_db
def test_link_is_for_one_person() -> None:
    pat, max_ = make_person("pat"), make_person("max")
    _, token = services.issue_password_link(person_id=pat.pk, actor=TESTS)
    assert not _works(max_, token)


@pytest.mark.django_db
def test_deactivation_ends_the_link_permanently() -> None:
    person = make_person("pat", password="")
    _, token = services.issue_password_link(person_id=person.pk, actor=TESTS)
    services.deactivate_person(person_id=person.pk, actor=TESTS)
    assert not _works(person, token)
    with pytest.raises(ActRefusedError) as refused:
        services.issue_password_link(person_id=person.pk, actor=TESTS)
    assert refused.value.refusal is Refusal.INACTIVE
    services.reactivate_person(person_id=person.pk, actor=TESTS)
    assert not _works(person, token)


@pytest.mark.django_db
def test_no_token_opens_the_account_of_a_deactivated_person() -> None:
    person = make_person("pat")
    services.deactivate_person(person_id=person.pk, actor=TESTS)
    person.refresh_from_db()
    assert not password_links.opens_account(person, password_links.make_token(person, clock.now()))


@pytest.mark.parametrize("nonsense", ["", "!", "8J-Ygg", "LTE", "bm90IGEgbnVtYmVy"])
def test_invalid_person_code_matches_no_person(nonsense: str) -> None:
    assert password_links.decode_person(nonsense) in (0, -1)


def test_log_line_of_a_link_does_not_contain_its_token() -> None:
    line = {
        "event": "request_started",
        "request": "GET /accounts/set-password/MQ/d1abc2-0123456789abcdef/?next=x",
        "code": 200,
    }
    assert hide_addresses(None, "info", line) == {
        "event": "request_started",
        "request": "GET /accounts/set-password/MQ/…/?next=x",
        "code": 200,
    }


_ENDS_THE_RIGHT = pytest.mark.parametrize(
    ("end", "event"),
    [
        (lambda pk: services.deactivate_person(person_id=pk, actor=TESTS), "person.deactivated"),
        (
            lambda pk: services.revoke_role(person_id=pk, role=ADMINISTRATOR, actor=TESTS),
            "role.revoked",
        ),
        (lambda pk: services.sign_out_everywhere(person_id=pk, actor=TESTS), "person.sessions_ended"),
    ],
    ids=["deactivated", "role revoked", "signed out everywhere"],
)


@_ENDS_THE_RIGHT
@pytest.mark.django_db
def test_links_end_with_the_right_of_their_issuer(end: Callable[[int], object], event: str) -> None:
    make_person("otto", ADMINISTRATOR)
    ada, max_ = make_person("ada", ADMINISTRATOR), make_person("max", ADMINISTRATOR)
    pat, eva = make_person("pat", password=""), make_person("eva")
    tokens = {
        person: services.issue_password_link(person_id=person.pk, actor=acting(ada))[1]
        for person in (max_, pat, eva)
    }
    # Another administrator's link replaces Ada's, so it is not hers to lose.
    _, by_another = services.issue_password_link(person_id=eva.pk, actor=acting(max_))

    end(ada.pk)

    assert not _works(max_, tokens[max_])
    assert not _works(pat, tokens[pat])
    assert _works(eva, by_another)
    assert [one.details["links"] for one in events(event)] == [2]


@pytest.mark.django_db
def test_links_stay_when_another_role_of_their_issuer_is_revoked() -> None:
    ada, pat = make_person("ada", ADMINISTRATOR, STAFF), make_person("pat")
    _, token = services.issue_password_link(person_id=pat.pk, actor=acting(ada))

    services.revoke_role(person_id=ada.pk, role=STAFF, actor=TESTS)

    assert _works(pat, token)


@pytest.mark.parametrize(
    "end",
    [
        lambda pk: services.deactivate_person(person_id=pk, actor=TESTS),
        lambda pk: services.revoke_role(person_id=pk, role=ADMINISTRATOR, actor=TESTS),
    ],
    ids=["deactivated", "role revoked"],
)
@pytest.mark.django_db
def test_request_that_began_with_the_right_issues_no_link_after_its_end(end: Callable[[int], object]) -> None:
    make_person("otto", ADMINISTRATOR)
    ada, pat = make_person("ada", ADMINISTRATOR), make_person("pat")
    began = acting(ada)
    end(ada.pk)

    with pytest.raises(ActRefusedError) as refused:
        services.issue_password_link(person_id=pat.pk, actor=began)

    assert refused.value.refusal is Refusal.MAY_NOT_ISSUE
    assert events("person.password_link_issued") == []


@pytest.mark.django_db
def test_refusal_names_a_reason_that_is_true_of_a_deactivated_person() -> None:
    person = make_person("pat")
    _, token = services.issue_password_link(person_id=person.pk, actor=TESTS)
    services.deactivate_person(person_id=person.pk, actor=TESTS)

    with pytest.raises(ActRefusedError):
        _use(person, token)

    [event] = events("person.password_link_refused")
    reason = PERSON_PASSWORD_LINK_REFUSED.keys["reason"]
    assert str(reason.labels[event.details["reason"]]) == "the link no longer worked"
