"""The commands that prepare practice and register keys."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, InterfaceError, OperationalError
from pytest_django import Settings

from apps.accounts.models import User
from apps.accounts.practice import PRACTICE_PEOPLE
from apps.audit.models import AuditEvent
from apps.consumers.selectors import identity_rules
from consumerportal import keys
from consumerportal.management.commands import prepare_practice
from tests.support.people import make_person

pytestmark = [pytest.mark.django_db, pytest.mark.once]

ORDINARY = ("migrate", "createcachetable", "collectstatic")


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands of Django that prepare_practice called. They do nothing here; the others run."""
    names: list[str] = []

    def call(name: str, **options: Any) -> None:
        if name in ORDINARY:
            names.append(name)
        else:
            call_command(name, stdout=StringIO(), **options)

    monkeypatch.setattr(prepare_practice, "call_command", call)
    monkeypatch.setattr(prepare_practice, "set_aside_if_outdated", lambda: None)
    return names


def prepare() -> str:
    out = StringIO()
    call_command("prepare_practice", stdout=out)
    return out.getvalue()


# --- prepare_practice -----------------------------------------------------------------------------
def test_practice_has_people_and_the_rules_of_the_sandbox(
    called: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTAL_PORT", "8123")
    printed = prepare()
    assert called == [*ORDINARY]
    assert printed.splitlines() == ["", "The portal: http://127.0.0.1:8123/   (Ctrl-C stops everything)"]
    assert {user.username for user in User.objects.all()} == {one.username for one in PRACTICE_PEOPLE}
    rules = [(rule.name, rule.provider) for rule in identity_rules()]
    assert rules == [*prepare_practice.PRACTICE_RULES]
    prepare()
    assert [(rule.name, rule.provider) for rule in identity_rules()] == rules


def test_place_of_an_outdated_database_is_reported(
    called: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = Path("var/practice-20260307-080500")
    monkeypatch.setattr(prepare_practice, "set_aside_if_outdated", lambda: moved)
    assert f"It was moved to {moved}. A new one has been created." in prepare()


def test_database_of_other_people_is_not_prepared(called: list[str]) -> None:
    make_person("real", "administrator")
    with pytest.raises(CommandError, match="It is not for practice"):
        prepare()
    assert [user.username for user in User.objects.all()] == ["real"]
    assert not identity_rules().exists()


def test_production_is_not_prepared(called: list[str], settings: Settings) -> None:
    settings.PRACTICE_MODE = False
    with pytest.raises(CommandError, match="This is not practice mode"):
        prepare()
    assert (called, AuditEvent.objects.exists()) == ([], False)


# --- rotate_keys ----------------------------------------------------------------------------------
@pytest.mark.parametrize("error", [OperationalError("password=hunter2"), InterfaceError("password=hunter2")])
def test_lost_database_is_reported_without_its_details(
    monkeypatch: pytest.MonkeyPatch, error: DatabaseError | InterfaceError
) -> None:
    def lost(*_given: object, **_named: object) -> None:
        raise error

    monkeypatch.setattr(keys, "register_keys", lost)
    with pytest.raises(CommandError) as refused:
        call_command("rotate_keys", "--add")
    assert str(refused.value) == f"The database failed or does not answer ({type(error).__name__})"
