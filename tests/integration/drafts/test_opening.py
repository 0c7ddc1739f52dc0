"""An entry is saved as a draft, listed for its author and opened as it was."""

from __future__ import annotations

import re
import uuid

import pytest
from django.db import connection
from django.test import Client

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.consumers import drafts
from apps.consumers.models import Draft, Outcome, Submission
from apps.core import personal_data
from sandbox.data.seed import FAMILY_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.draft_tabs import NEW, Tab, open_draft
from tests.support.entries import REF, clean, on_page, posted, store, text
from tests.support.entries import typed as typed_part
from tests.support.people import events, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]
FORM_FIELDS = frozenset({"entry_of", "draft"})


def test_half_an_entry_comes_back_as_it_was_with_a_new_token(as_staff: Client) -> None:
    tab = Tab(as_staff)
    half = {
        **posted(token=tab.form["token"], date_of_birth="31 2 1991", gender="female", last_name=""),
        "emails-0-value": "half@",
        "paste_text": "Half a row",
    }
    answer = tab.save(half)
    assert answer.status_code == 200
    assert answer.json()["draft"].endswith("/0/1")
    again = open_draft(as_staff, tab.mark.public_id)
    before, after = typed_part({**tab.form, **half}), typed_part(again.form)
    for name in FORM_FIELDS | {"paste_text"}:
        before.pop(name, None), after.pop(name, None)
    assert after == before
    assert "Half a row" in text(again.page)
    assert again.form["token"] != tab.form["token"]
    assert (again.mark.public_id, again.mark.base) == (tab.mark.public_id, 1)
    assert again.page.context["errors"] == ()


@pytest.mark.sql("new")
@pytest.mark.parametrize("name", [f"{FAMILY_ORDER}/\0", "\0/x", f"{FAMILY_ORDER}/a b", "/x", "x/y", "\0"])
def test_draft_with_a_key_that_no_page_wrote_can_be_listed_and_opened(as_staff: Client, name: str) -> None:
    # PostgreSQL refuses NUL, also in a query.
    tab = Tab(as_staff)
    tab.save({"last_name": "Typed", "carry-from": f"consumer:{name}"})
    assert "Typed" in text(as_staff.get("/"))
    assert open_draft(as_staff, tab.mark.public_id).form["last_name"] == "Typed"
    assert events("vendor_record.viewed") == []


def test_start_page_lists_drafts_with_what_was_typed_and_discards_one(as_staff: Client) -> None:
    first, second = Tab(as_staff), Tab(as_staff)
    first.save(first_name="Ida", last_name="First", order_ref="ORD-1")
    second.save(last_name="Second")
    shown = text(as_staff.get("/"))
    assert shown.index("Second") < shown.index("Ida First")
    assert "ORD-1" in shown
    answer = as_staff.post(f"/consumers/drafts/{first.mark.public_id}/discard/")
    assert (answer.status_code, answer["Location"]) == (303, "/")
    shown = text(as_staff.get("/"))
    assert "The draft was discarded" in shown
    assert "Ida First" not in shown
    assert "Second" in shown


@pytest.mark.sql("new")
@pytest.mark.parametrize("finish", ["sent", "discarded"])
def test_discarding_a_finished_draft_does_not_say_that_nothing_was_sent(
    as_staff: Client, sandbox: SandboxServer, finish: str
) -> None:
    tab = Tab(as_staff)
    tab.save({name: value for name, value in posted().items() if name in tab.form})
    address = f"/consumers/drafts/{tab.mark.public_id}/discard/"
    if finish == "sent":
        assert tab.post().status_code == 303
    else:
        as_staff.post(address)
        as_staff.get("/")
    shown = text(as_staff.post(address, follow=True))
    assert "This draft was sent or discarded." in shown
    assert "The draft was discarded" not in shown


def test_discarding_asks_once_without_a_script(as_staff: Client) -> None:
    Tab(as_staff).save(last_name="Mine")
    shown = text(as_staff.get("/"))
    [confirmation] = re.findall("<details>.*?</details>", shown[shown.index('id="drafts"') :])
    assert '<button type="submit"' in confirmation  # closed at first
    assert "cannot be restored" in confirmation
    assert shown.count('<button type="submit" class="btn btn-secondary btn-sm">Discard draft') == 1


def test_form_counts_the_other_drafts_without_reading_them(
    as_staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "You have" not in text(as_staff.get(NEW))
    tab = Tab(as_staff)
    tab.save(last_name="Mine")
    assert "You have" not in text(open_draft(as_staff, tab.mark.public_id).page)
    Tab(as_staff).save(last_name="Other")
    monkeypatch.setattr(personal_data, "readable_text", lambda *_: pytest.fail("a draft was decrypted"))
    assert '<a href="/#drafts">You have 2 other drafts</a>' in text(as_staff.get(NEW))


@pytest.mark.sql("new")
def test_drafts_of_a_person_are_counted_by_an_index(staff: User) -> None:
    others = drafts.drafts_of(staff.pk).exclude(public_id=uuid.uuid4())
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
    assert "draft_unsent_of_person" in others.explain()


def test_draft_of_a_correction_still_corrects_the_same_submission(as_staff: Client, staff: User) -> None:
    rejected = store(staff, Outcome.REJECTED)
    assert "as it was sent" in text(as_staff.get(f"{NEW}?from={rejected.public_id}"))
    tab = Tab(as_staff, f"?from={rejected.public_id}")
    tab.save(last_name="Corrected", draft_from=str(rejected.public_id))
    [line] = as_staff.get("/").context["drafts"]
    assert line.url == f"{NEW}?from={rejected.public_id}&draft={tab.mark.public_id}"
    before = AuditEvent.objects.count()
    page = as_staff.get(line.url)
    assert on_page(page)["last_name"] == "Corrected"
    assert page.context["corrected"] is not None
    assert "Your draft is below. It may differ from the previous attempt." in text(page)
    assert "as it was sent" not in text(page)
    assert AuditEvent.objects.count() == before + 1  # the submission was shown, too


@pytest.mark.sql("new")
@pytest.mark.parametrize("why", ["erased", "created", "not visible", "gone"])
def test_draft_of_a_correction_opens_when_its_submission_can_no_longer_be_corrected(
    as_staff: Client, staff: User, sandbox: SandboxServer, why: str
) -> None:
    rejected = store(staff, Outcome.REJECTED)
    tab = Tab(as_staff, f"?from={rejected.public_id}")
    named = str(uuid.uuid4()) if why == "gone" else str(rejected.public_id)
    tab.form = posted(clean(last_name="Kept"), token=tab.form["token"]) | {"entry_of": tab.form["entry_of"]}
    tab.save(draft_from=named)
    stored = Submission.objects.filter(pk=rejected.pk)
    if why == "erased":
        stored.update(encrypted_consumer=b"")
    elif why == "created":
        stored.update(outcome=Outcome.CREATED, consumer_ref=REF, error_code="", http_status=200)
    elif why == "not visible":
        stored.update(actor=make_person("nora", "staff"))
    [line] = as_staff.get("/").context["drafts"]
    page = as_staff.get(line.url, follow=True)
    assert page.redirect_chain == [(f"{NEW}?draft={tab.mark.public_id}", 303)]
    assert "The submission can no longer be corrected" in text(page)
    assert on_page(page)["last_name"] == "Kept"
    assert page.context["corrected"] is None


@pytest.mark.sql("new")
def test_address_of_a_draft_that_cannot_be_read_leads_to_the_list_that_says_so(as_staff: Client) -> None:
    tab = Tab(as_staff)
    tab.save(last_name="Mine")
    Draft.objects.update(encrypted_values=b"damaged")
    shown = as_staff.get(f"{NEW}?draft={tab.mark.public_id}", follow=True)
    assert shown.redirect_chain == [("/", 303)]
    assert text(shown).count("This draft cannot be read") == 2  # the message, and its line in the list
    assert "You have no such draft" not in text(shown)


def test_address_whose_draft_has_no_id_is_not_found(as_staff: Client) -> None:
    assert as_staff.get(f"{NEW}?draft=half-an-id").status_code == 404
