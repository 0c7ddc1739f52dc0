"""Commands that create the first administrator and the practice users."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from apps.accounts import services
from apps.accounts.models import User
from apps.accounts.practice import PRACTICE_PEOPLE
from apps.accounts.roles import ADMINISTRATOR, AUDITOR, ROLES, STAFF, SUPERVISOR
from apps.audit.labels import names_no_person
from apps.audit.models import AuditEvent
from tests.support.people import TESTS, events, make_person

pytestmark = pytest.mark.django_db


def _run(command: str, *arguments: str) -> str:
    out = StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


def test_first_administrator_gets_a_working_link() -> None:
    printed = _run(
        "create_administrator", "--user-name=ada", "--name=Ada Lane", "--base-url=https://portal.example/"
    )
    [path] = re.findall(r"^https://portal\.example(/accounts/set-password/\S+)$", printed, re.MULTILINE)
    ada = User.objects.get(username="ada")
    assert (ada.name, ada.roles) == ("Ada Lane", (ADMINISTRATOR,))
    assert Client().get(path, follow=True).status_code == 200
    recorded = AuditEvent.objects.filter(person=str(ada.pk)).order_by("seq")
    assert [(event.action, event.actor_name) for event in recorded] == [
        ("person.added", "system:create_administrator"),
        ("role.granted", "system:create_administrator"),
        ("person.password_link_issued", "system:create_administrator"),
    ]


def test_missing_names_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"User name: ": "ada", "Full name: ": "Ada Lane"}
    monkeypatch.setattr("builtins.input", answers.__getitem__)
    _run("create_administrator")
    assert User.objects.get(name="Ada Lane", username="ada").roles == (ADMINISTRATOR,)


def test_link_leads_to_the_address_of_the_portal(settings: Settings) -> None:
    settings.PORTAL_URL = "https://portal.example"
    printed = _run("create_administrator", "--user-name=ada", "--name=Ada Lane")
    assert re.search(r"^https://portal\.example/accounts/set-password/", printed, re.MULTILINE)


def test_first_administrator_can_type_a_password_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: "a long walk in the rain")
    printed = _run("create_administrator", "--user-name=ada", "--name=Ada Lane", "--ask-password")
    assert "set-password" not in printed
    assert "a long walk" not in printed
    assert User.objects.get(username="ada").check_password("a long walk in the rain")


def test_weak_password_adds_no_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: "short")
    with pytest.raises(CommandError, match="at least 15 characters"):
        _run("create_administrator", "--user-name=ada", "--name=Ada Lane", "--ask-password")
    assert not User.objects.exists()


def test_administrator_needs_an_unused_name() -> None:
    make_person("ada", STAFF)
    with pytest.raises(CommandError, match="Another person has this user name"):
        _run("create_administrator", "--user-name=ADA", "--name=Ada Lane")
    assert User.objects.get().roles == (STAFF,)


def test_administrator_cannot_have_the_name_of_the_portal() -> None:
    with pytest.raises(CommandError, match="In the audit log, this one stands for the portal or a visitor"):
        _run("create_administrator", "--user-name=ada", "--name=the PORTAL (worker)")
    assert not User.objects.exists()


def test_no_practice_person_has_the_name_of_the_portal() -> None:
    assert [person.name for person in PRACTICE_PEOPLE if names_no_person(person.name)] == []


def test_name_taken_after_it_was_checked_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(**_named: object) -> int:
        raise services.ActRefusedError(services.Refusal.USER_NAME_TAKEN)

    monkeypatch.setattr(services, "add_person", taken)
    with pytest.raises(CommandError, match="Another person has this user name"):
        _run("create_administrator", "--user-name=ada", "--name=Ada Lane")


def test_practice_has_one_user_per_role_who_can_sign_in() -> None:
    printed = _run("create_practice_people")
    people = {"sam": STAFF, "sue": SUPERVISOR, "ari": AUDITOR, "ada": ADMINISTRATOR}
    assert set(people.values()) == set(ROLES)
    for username, role in people.items():
        person = User.objects.get(username=username)
        password = f"practice-{username}-2026"
        assert person.roles == (role,)
        assert person.check_password(password)
        assert re.search(rf"^{username} +{password} +{role}$", printed, re.MULTILINE)
    assert User.objects.count() == len(ROLES)
    assert len(events("person.added")) == len(ROLES)


def test_creating_practice_users_twice_changes_and_records_nothing() -> None:
    _run("create_practice_people")
    before = AuditEvent.objects.count(), list(User.objects.values())
    _run("create_practice_people")
    assert (AuditEvent.objects.count(), list(User.objects.values())) == before


def test_practice_command_restores_what_it_prints() -> None:
    _run("create_practice_people")
    sam = User.objects.get(username="sam")
    services.set_password(person_id=sam.pk, password="something else now", actor=TESTS)
    services.revoke_role(person_id=sam.pk, role=STAFF, actor=TESTS)
    services.deactivate_person(person_id=sam.pk, actor=TESTS)
    _run("create_practice_people")
    sam = User.objects.get(username="sam")
    assert (sam.roles, sam.is_active, sam.check_password("practice-sam-2026")) == ((STAFF,), True, True)


def test_production_has_no_practice_users(settings: Settings) -> None:
    settings.PRACTICE_MODE = False
    with pytest.raises(CommandError, match="practice mode only"):
        _run("create_practice_people")
    assert not User.objects.exists()


# --- Django's own commands ------------------------------------------------------------------------
def test_password_from_the_terminal_is_recorded_and_ends_the_sessions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sam = make_person("sam", STAFF)
    signed_in = Client()
    signed_in.force_login(sam)
    monkeypatch.setattr("getpass.getpass", lambda prompt: "nine lighthouses before seven")
    assert _run("changepassword", "SAM") == "The password of sam was set.\n"
    assert User.objects.get().check_password("nine lighthouses before seven")
    *_, event = events("person.password_set")
    assert (event.actor_name, event.person) == ("system:changepassword", str(sam.pk))
    assert signed_in.get("/").status_code == 302


@pytest.mark.parametrize("password", ["short", "practice-sam-2026"])
def test_password_from_the_terminal_follows_the_rules(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    sam = make_person("sam", STAFF)
    monkeypatch.setattr("getpass.getpass", lambda prompt: password)
    with pytest.raises(CommandError, match=r"15 characters|easy to guess"):
        _run("changepassword", "sam")
    assert User.objects.get().password == sam.password
    assert len(events("person.password_set")) == 1  # of the person's first password


def test_password_of_nobody_is_not_set() -> None:
    with pytest.raises(CommandError, match="no person with this user name"):
        _run("changepassword", "sam")


def test_there_are_no_superusers() -> None:
    with pytest.raises(CommandError, match="The portal has no superusers"):
        _run("createsuperuser", "--username=ada", "--noinput")
    assert not User.objects.exists()
