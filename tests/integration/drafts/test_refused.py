"""What cannot be saved as a draft gets an ordinary answer."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client

from apps.consumers import drafts
from apps.consumers.models import Draft
from apps.core import personal_data
from apps.core.encryption import MissingKeyError
from tests.support.draft_tabs import Tab

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def test_draft_that_is_too_long_or_could_not_be_shown_is_refused(as_staff: Client) -> None:
    tab = Tab(as_staff)
    assert tab.save(last_name="x" * drafts.MAX_CHARACTERS).status_code == 413
    tab.form["last_name"] = "x"
    assert tab.save({"emails-999-value": "x"}).status_code == 413
    assert not Draft.objects.exists()


@pytest.mark.sql("repeated")
def test_missing_encryption_key_is_an_ordinary_answer(
    as_staff: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tab = Tab(as_staff)

    def lose(*_arguments: Any) -> None:
        raise MissingKeyError("key id")

    monkeypatch.setattr(personal_data, "encrypted", lose)
    answer = tab.save(last_name="Typed")
    assert answer.status_code == 503
    assert answer.json()["problem"].startswith("Draft not saved: an encryption key is missing")
    assert "draft_not_saved key_missing" in caplog.text
    assert not Draft.objects.exists()


@pytest.mark.parametrize(
    "mark", ["", "x", "1/2/3/4", "{id}/{id}/0/0", "{id}/{id}/0/9999999999", "{page}/{id}/0/1"]
)
def test_mark_that_is_none_is_refused(as_staff: Client, mark: str) -> None:
    public_id = uuid.uuid4()
    text_of_mark = mark.format(id=public_id, page=uuid.uuid4())
    answer = as_staff.post(f"/consumers/drafts/{public_id}/", {"draft": text_of_mark})
    assert answer.status_code == 400
