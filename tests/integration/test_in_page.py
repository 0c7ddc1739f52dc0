"""A form that is sent by the page's script gets its redirect as data; all else is as without script."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from apps.consumers.models import Submission
from sandbox.data.seed import FAULT_ORDERS
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import FULL, creates, posted
from tests.support.people import events

pytestmark = pytest.mark.django_db

NEW = "/consumers/new/"
IN_PAGE: dict[str, Any] = {"headers": {"Portal-Form": "in-page"}}
RECEIPT = re.compile(r"/submissions/[0-9a-f-]{36}/")


def test_script_gets_the_address_of_the_receipt_and_no_view_is_recorded(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    answer = as_staff.post(NEW, posted(FULL), **IN_PAGE)
    assert answer.status_code == 204
    assert RECEIPT.fullmatch(answer["Portal-Location"])
    assert "Location" not in answer
    assert len(creates(sandbox)) == 1
    assert events("submission.viewed") == []


def test_script_gets_the_address_of_the_correction_and_the_sign_in_page(
    as_staff: Client, client: Client, sandbox: SandboxServer
) -> None:
    refused = as_staff.post(NEW, posted(FULL, order=FAULT_ORDERS["401"]), **IN_PAGE)
    assert refused["Portal-Location"] == f"{NEW}?from={Submission.objects.get().public_id}"
    signed_out = client.post(NEW, posted(FULL), **IN_PAGE)
    assert signed_out.status_code == 204
    assert signed_out["Portal-Location"].startswith("/accounts/login/?next=")


def test_script_gets_pages_as_pages_and_without_script_redirects_are_redirects(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    with_errors = as_staff.post(NEW, posted(FULL, last_name=""), **IN_PAGE)
    assert with_errors.status_code == 200
    assert "Portal-Location" not in with_errors
    redirect = as_staff.post(NEW, posted(FULL))
    assert redirect.status_code == 303
    assert RECEIPT.fullmatch(redirect["Location"])
    assert "Portal-Location" not in redirect
