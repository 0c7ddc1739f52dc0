"""Services that change people: each act with its event, and the refused acts."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from pytest_django import Settings

from apps.accounts import services
from apps.accounts.models import User
from apps.accounts.roles import ADMINISTRATOR, STAFF, SUPERVISOR
from apps.accounts.services import ActRefusedError, NewPerson, PersonDetails, Refusal, UnknownRoleError
from apps.audit.models import AuditEvent
from apps.audit.presenters.events import changes
from tests.support.people import TESTS, acting, events, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def test_adding_a_person_records_the_person_and_each_role() -> None:
    ada = make_person("ada", ADMINISTRATOR)
    details = PersonDetails("Pat Person", "Europe/Dublin", "pat@example.com")
    new = NewPerson("pat", details, (STAFF, SUPERVISOR))

    person_id = services.add_person(person=new, actor=acting(ada))

    person = User.objects.get(pk=person_id)
    assert (person.username, person.name, person.time_zone) == ("pat", "Pat Person", "Europe/Dublin")
    assert person.roles == (STAFF, SUPERVISOR)
    assert not person.has_usable_password()
    recorded = AuditEvent.objects.filter(person=str(person_id)).order_by("seq")
    assert [(e.action, e.details.get("role"), e.actor_id) for e in recorded] == [
        ("person.added", None, str(ada.pk)),
        ("role.granted", STAFF, str(ada.pk)),
        ("role.granted", SUPERVISOR, str(ada.pk)),
    ]
    assert [(row.label, row.before, row.after) for row in changes(recorded[0])] == [
        ("Full name", "–", "Pat Person"),
        ("Email address", "–", "pat@example.com"),
        ("Roles", "–", "Staff and Supervisor"),
    ]


@pytest.mark.sql("new")
def test_user_name_in_other_letter_case_is_refused_and_nothing_is_recorded() -> None:
    make_person("pat")
    before = AuditEvent.objects.count()
    with pytest.raises(ActRefusedError) as refused:
        services.add_person(person=NewPerson("Pat", PersonDetails("Another")), actor=TESTS)
    assert refused.value.refusal is Refusal.USER_NAME_TAKEN
    assert AuditEvent.objects.count() == before


def test_change_is_recorded_with_the_values_before_and_after() -> None:
    person = make_person("pat")
    details = PersonDetails("Pat Renamed", email="pat@example.com")
    services.change_person(person_id=person.pk, details=details, actor=TESTS)
    [event] = events("person.changed")
    assert event.details == {
        "username": "pat",
        "fields": ["name", "email"],
        "name_before": "Pat Person",
        "name_after": "Pat Renamed",
        "email_before": "",
        "email_after": "pat@example.com",
    }


def test_acts_on_an_account_are_recorded_with_the_state_before_and_after() -> None:
    person = make_person("pat", STAFF)
    services.grant_role(person_id=person.pk, role=SUPERVISOR, actor=TESTS)
    services.revoke_role(person_id=person.pk, role=STAFF, actor=TESTS)
    services.deactivate_person(person_id=person.pk, actor=TESTS)
    services.reactivate_person(person_id=person.pk, actor=TESTS)
    pairs = [
        (event.action, event.details[f"{key}_before"], event.details[f"{key}_after"])
        for action, key in (
            ("role.granted", "roles"),
            ("role.revoked", "roles"),
            ("person.deactivated", "state"),
            ("person.reactivated", "state"),
        )
        for event in events(action)
    ]
    assert pairs == [
        ("role.granted", [], [STAFF]),
        ("role.granted", [STAFF], [STAFF, SUPERVISOR]),
        ("role.revoked", [STAFF, SUPERVISOR], [SUPERVISOR]),
        ("person.deactivated", "active", "deactivated"),
        ("person.reactivated", "deactivated", "active"),
    ]


def test_empty_change_records_no_event() -> None:
    person = make_person("pat")
    services.change_person(person_id=person.pk, details=PersonDetails(person.name), actor=TESTS)
    services.choose_time_zone(person_id=person.pk, time_zone="", actor=TESTS)
    assert events("person.changed") == []


@pytest.mark.sql("new")
def test_granting_and_revoking_a_role_twice_is_one_event_each() -> None:
    person = make_person("pat")
    for _ in range(2):
        services.grant_role(person_id=person.pk, role=STAFF, actor=TESTS)
    assert User.objects.get(pk=person.pk).roles == (STAFF,)
    for _ in range(2):
        services.revoke_role(person_id=person.pk, role=STAFF, actor=TESTS)
    assert User.objects.get(pk=person.pk).roles == ()
    assert [event.details["role"] for event in events("role.granted")] == [STAFF]
    assert [event.details["role"] for event in events("role.revoked")] == [STAFF]


def test_group_that_is_no_role_cannot_be_granted() -> None:
    person = make_person("pat")
    Group.objects.create(name="stranger")
    with pytest.raises(UnknownRoleError):
        services.grant_role(person_id=person.pk, role="stranger", actor=TESTS)


@pytest.mark.parametrize("act", [services.grant_role, services.revoke_role])
def test_people_cannot_change_their_own_roles(act: Callable[..., None]) -> None:
    make_person("other", ADMINISTRATOR)
    ada = make_person("ada", ADMINISTRATOR)
    for role in (STAFF, ADMINISTRATOR):
        with pytest.raises(ActRefusedError) as refused:
            act(person_id=ada.pk, role=role, actor=acting(ada))
        assert refused.value.refusal is Refusal.OWN_ROLES
    assert User.objects.get(pk=ada.pk).roles == (ADMINISTRATOR,)


def test_people_cannot_deactivate_themselves() -> None:
    make_person("other", ADMINISTRATOR)
    ada = make_person("ada", ADMINISTRATOR)
    with pytest.raises(ActRefusedError) as refused:
        services.deactivate_person(person_id=ada.pk, actor=acting(ada))
    assert refused.value.refusal is Refusal.OWN_ACCOUNT
    assert User.objects.get(pk=ada.pk).is_active


def test_last_active_administrator_cannot_be_removed() -> None:
    ada = make_person("ada", ADMINISTRATOR)
    gone = make_person("gone", ADMINISTRATOR)
    services.deactivate_person(person_id=gone.pk, actor=TESTS)
    acts: list[Callable[[], object]] = [
        lambda: services.revoke_role(person_id=ada.pk, role=ADMINISTRATOR, actor=TESTS),
        lambda: services.deactivate_person(person_id=ada.pk, actor=TESTS),
    ]
    for act in acts:
        with pytest.raises(ActRefusedError) as refused:
            act()
        assert refused.value.refusal is Refusal.LAST_ADMINISTRATOR
    ada.refresh_from_db()
    assert ada.is_active
    assert ada.has_perm("accounts.manage_people")


def test_deactivated_administrator_can_lose_the_role() -> None:
    make_person("ada", ADMINISTRATOR)
    gone = make_person("gone", ADMINISTRATOR)
    services.deactivate_person(person_id=gone.pk, actor=TESTS)
    services.revoke_role(person_id=gone.pk, role=ADMINISTRATOR, actor=TESTS)
    assert User.objects.get(pk=gone.pk).roles == ()


@pytest.mark.sql("new")
def test_deactivating_and_reactivating_twice_is_one_event_each() -> None:
    person = make_person("pat", STAFF)
    for act in (services.deactivate_person, services.reactivate_person):
        act(person_id=person.pk, actor=TESTS)
        act(person_id=person.pk, actor=TESTS)
    assert len(events("person.deactivated")) == len(events("person.reactivated")) == 1
    person.refresh_from_db()
    assert person.is_active
    assert person.has_perm("consumers.create_order_consumer")


@pytest.mark.sql("new")
def test_act_fails_if_its_event_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    person = make_person("pat")

    def no_log(event: object) -> int:
        raise RuntimeError("the log is closed")

    monkeypatch.setattr(services, "record", no_log)
    acts: list[Callable[[], object]] = [
        lambda: services.deactivate_person(person_id=person.pk, actor=TESTS),
        lambda: services.grant_role(person_id=person.pk, role=STAFF, actor=TESTS),
        lambda: services.set_password(person_id=person.pk, password="another long walk", actor=TESTS),
        lambda: services.issue_password_link(person_id=person.pk, actor=TESTS),
        lambda: services.change_person(person_id=person.pk, details=PersonDetails("New"), actor=TESTS),
        lambda: services.add_person(person=NewPerson("new", PersonDetails("New")), actor=TESTS),
        lambda: services.invite_people(people=[NewPerson("new", PersonDetails("New"))], actor=TESTS),
        lambda: services.sign_out_everywhere(person_id=person.pk, actor=TESTS),
    ]
    before = list(User.objects.values())
    for act in acts:
        with pytest.raises(RuntimeError):
            act()
    assert list(User.objects.values()) == before
    assert User.objects.get(pk=person.pk).roles == ()


def test_event_of_a_password_does_not_contain_it() -> None:
    person = make_person("pat", password="correct horse battery")
    _, token = services.issue_password_link(person_id=person.pk, actor=TESTS)
    services.set_password_by_link(
        person_id=person.pk, token=token, password="battery horse correct", actor=TESTS
    )
    everything = json.dumps(list(AuditEvent.objects.values()))
    assert "horse" not in everything
    assert token not in everything


def test_upgrade_of_a_hash_replaces_no_password_that_was_set_meanwhile(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    pat = make_person("pat")
    User.objects.update(password=make_password("before", hasher="md5"))
    first, second, late = (User.objects.get(pk=pat.pk) for _process in range(3))
    assert first.check_password("before")
    assert second.check_password("before")  # at the same time as the first
    assert first.password == second.password == User.objects.get().password
    assert first.password.startswith("pbkdf2_sha1$")
    services.set_password(person_id=pat.pk, password="after", actor=acting(pat))
    assert not late.check_password("before")
    assert User.objects.get().check_password("after")
