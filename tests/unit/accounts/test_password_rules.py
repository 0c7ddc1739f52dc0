"""The rules for a new password (NIST SP 800-63B-4, 3.1.1.2)."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.exceptions import ValidationError
from pytest_django import Settings

from apps.accounts.models import User
from apps.accounts.practice import PRACTICE_PEOPLE


@pytest.fixture
def sam() -> User:
    """A person who is not stored."""
    return User(
        username="sam.hill", name="Samuel O'Hill-Brown", date_joined=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    )


@pytest.mark.parametrize(
    "password",
    [
        "a long walk in the rain",
        "correct horse battery staple",
        "drei kleine Häuser am Fluß",
        "雨の日に遠くまで歩いて行った人たち",
        "k3Xv9QpLm2Zr7Tw",  # 15 characters, from a password manager
        "8301947562018374651",  # no rule asks for letters
        "walk " * 3 + "to the quiet lighthouse at noon " * 20,  # nothing is cut off
        "the portal in the rain is grey and cold",  # an expected word among others
    ],
)
def test_password_that_is_hard_to_guess_is_accepted(sam: User, password: str) -> None:
    validate_password(password, sam)


@pytest.mark.parametrize(
    "password",
    [
        "aaaaaaaaaaaaaaaaaaaa",
        "123456789012345",
        "passwordpassword",
        "qwertyuiopasdfgh",
        "Password1!Password1!",  # a composition rule would accept it
        "ConsumerPortal2026!",
        "Sitecore-Portal-CDP-1",
        "sam.hill.sam.hill.1",
        "Samuel.Brown.2026!",
        "SAMUELHILLBROWN1990",
        "AcmeTravel-Dublin-1",
        "C0nsumerP0rtal2026!",
        "S1tecore-P0rtal-2026",
        "Acme_Tr@vel_2026!",
        "Sàmuel.Bröwn.2026!",
        *(person.password for person in PRACTICE_PEOPLE),
    ],
)
def test_password_that_is_easy_to_guess_is_refused(sam: User, settings: Settings, password: str) -> None:
    settings.PASSWORD_WORDS = ["Acme Travel", "Dublin"]
    with pytest.raises(ValidationError) as refused:
        validate_password(password, sam)
    assert "easy_to_guess" in {error.code for error in refused.value.error_list}


def test_words_of_the_company_are_a_setting(sam: User, settings: Settings) -> None:
    settings.PASSWORD_WORDS = []
    validate_password("Ballymacarrett-Donaghadee", sam)
    settings.PASSWORD_WORDS = ["Ballymacarrett", "Donaghadee"]
    with pytest.raises(ValidationError):
        validate_password("Ballymacarrett-Donaghadee", sam)


def test_password_has_at_least_15_characters(sam: User) -> None:
    validate_password("k3Xv9QpLm2Zr7Tw", sam)
    with pytest.raises(ValidationError, match="at least 15 characters"):
        validate_password("k3Xv9QpLm2Zr7T", sam)


def test_rules_apply_without_a_person() -> None:
    validate_password("a long walk in the rain")
    with pytest.raises(ValidationError):
        validate_password("ConsumerPortal2026!")


def test_every_rule_says_what_it_asks_for() -> None:
    assert "The password must be hard to guess." in password_validators_help_texts()
