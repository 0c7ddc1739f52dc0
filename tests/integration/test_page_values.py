"""Templates receive frozen values: no page below has a model or a queryset in its context."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import cast

import pytest
from django.db.models import Model, QuerySet
from django.forms import BaseForm
from django.template import Context
from django.test import Client

from apps.accounts.models import User
from apps.consumers.identity_rules import add_rule
from apps.consumers.models import Outcome
from tests.support.entries import store
from tests.support.people import TESTS, events

pytestmark = pytest.mark.django_db

OF_DJANGO = {"request", "user", "perms", "messages", "csrf_token", "block", "forloop"}
"""Context that Django's context processors and template tags add."""


def models_in(value: object, path: str) -> Iterator[str]:
    """The paths of models and querysets within a value of a context; forms are not searched."""
    if isinstance(value, Model | QuerySet):
        yield path
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from models_in(getattr(value, field.name), f"{path}.{field.name}")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from models_in(item, f"{path}.{key}")
    elif isinstance(value, list | tuple) and not isinstance(value, BaseForm):
        for item in value:
            yield from models_in(item, f"{path}[]")


def found_in(client: Client, url: str) -> list[str]:
    """The paths of models and querysets in the context of every template of the page at this URL."""
    response = client.get(url)
    assert response.status_code == 200
    assert response.context, "the page has no context to check"
    contexts = [layer for context in cast("list[Context]", response.context) for layer in context.dicts]
    return sorted(
        {
            path
            for layer in contexts
            for name, value in layer.items()
            if name not in OF_DJANGO
            for path in models_in(value, name)
        }
    )


@pytest.mark.parametrize("outcome", [Outcome.CREATED, Outcome.REJECTED, Outcome.UNKNOWN])
def test_the_receipt_and_the_start_page(as_supervisor: Client, supervisor: User, outcome: Outcome) -> None:
    submission = store(supervisor, outcome=outcome)
    assert found_in(as_supervisor, f"/submissions/{submission.public_id}/") == []
    assert found_in(as_supervisor, "/") == []


def test_the_identity_rules_and_the_audit_log(as_administrator: Client) -> None:
    add_rule(name="Rule", provider="Provider", actor=TESTS)
    assert found_in(as_administrator, "/identity-rules/") == []
    [event] = events("identity_rule.changed")
    assert found_in(as_administrator, f"/audit/{event.seq}/") == []
    assert found_in(as_administrator, "/audit/integrity/") == []
