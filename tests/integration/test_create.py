"""New order consumer, from the form to the vendor: what is sent, what stops it, no lost entry."""

from __future__ import annotations

import json
import re
import uuid

import pytest
from django.test import Client
from django.utils.html import escape
from pytest_django import Settings

from apps.accounts.models import User
from apps.cdp.consumers import Identifier, NewConsumer
from apps.cdp.fields import NAME_OF_VENDOR_NAME
from apps.consumers.fields import FIELD_LABELS
from apps.consumers.models import IdentityRule, Outcome, Submission
from apps.consumers.reconciliation import resolution
from apps.core import clock
from sandbox.data.seed import FAULT_ORDERS, SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import (
    FULL,
    REF,
    clean,
    creates,
    identifier_rows,
    on_page,
    posted,
    rows,
    sent,
    store,
    text,
    typed,
)
from tests.support.people import events, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

NEW = "/consumers/new/"
SUBMIT = re.compile(r'<button type="submit"([^>]*)>(.*?)</button>', re.DOTALL)


def buttons(page: str) -> list[tuple[str, str]]:
    """Attributes and text of the entry form's submit buttons, in the order of the source."""
    start = page.index('class="entry"')
    form = page[start : page.index("</form>", start)]
    return [(attributes, " ".join(labels.split())) for attributes, labels in SUBMIT.findall(form)]


# --- The empty form -------------------------------------------------------------------------------
@pytest.mark.once
def test_opening_the_empty_form_sends_nothing_and_shows_no_error(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    response = as_staff.get(NEW)
    values = on_page(response)
    assert set(typed(values).values()) == {""}
    assert uuid.UUID(values["token"])
    assert 'role="alert"' not in text(response)
    assert "<title>New order consumer – Consumer Portal – Practice" in text(response)
    assert sandbox.sandbox.requests() == []


def test_form_is_filled_from_an_order(as_staff: Client) -> None:
    assert on_page(as_staff.get(NEW, {"order": SAMPLE_ORDER}))["order_ref"] == SAMPLE_ORDER
    hostile = '"><script>alert(1)</script>'
    response = as_staff.get(NEW, {"order": hostile})
    assert on_page(response)["order_ref"] == hostile
    assert "<script>alert" not in text(response)


@pytest.mark.once
@pytest.mark.parametrize("warned", [False, True])
def test_first_submit_button_of_the_form_is_create(
    as_staff: Client, sandbox: SandboxServer, warned: bool
) -> None:
    consumer = clean(emails=()) if warned else clean(last_name="")
    page = as_staff.post(NEW, posted(consumer)).content.decode()
    (attributes, labels), *others = buttons(page)
    assert labels == "Create consumer"
    assert 'class="default-button"' in attributes  # with a box, but not visible
    assert "name=" not in attributes  # neither Add nor Remove, and it accepts no warning
    assert others[-1][1] == "Create consumer"
    accepting = [labels for attributes, labels in others if 'name="accepted"' in attributes]
    assert accepting == (["Create anyway"] if warned else [])
    if warned:
        panel = page[page.index("panel-warning") : page.index("<fieldset")]
        assert "Create anyway" in panel


@pytest.mark.once
def test_administrator_has_no_form(as_administrator: Client) -> None:
    assert as_administrator.get(NEW).status_code == 403
    assert as_administrator.post(NEW, posted()).status_code == 403


# --- Created --------------------------------------------------------------------------------------
def test_filled_form_is_created_at_the_vendor_exactly_as_typed(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    response = as_staff.post(NEW, posted(phone_numbers_note="ignored"))
    submission = Submission.objects.get()
    assert (response.status_code, response["Location"]) == (303, f"/submissions/{submission.public_id}/")
    [stored] = sandbox.sandbox.consumers(SAMPLE_ORDER)
    assert json.loads(stored.body) == FULL.to_json()
    assert len(creates(sandbox)) == 1
    page = text(as_staff.get(response["Location"]))
    assert "Consumer created" in page
    assert stored.ref in page


NAMES = ["محمد عبد الله", "司馬遼太郎", "Zoe\N{COMBINING DIAERESIS}", "O’Brien <b>", "Ida 🦊", "A" * 100]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_sent_unchanged(as_staff: Client, sandbox: SandboxServer, name: str) -> None:
    response = as_staff.post(NEW, posted(clean(first_name=name, last_name=name)))
    [stored] = sandbox.sandbox.consumers(SAMPLE_ORDER)
    assert json.loads(stored.body)["firstName"] == json.loads(stored.body)["lastName"] == name
    page = text(as_staff.get(response["Location"]))
    assert escape(name) in page
    assert "Differs" not in page


# --- Errors ---------------------------------------------------------------------------------------
@pytest.mark.once
def test_entry_with_errors_returns_as_typed_and_nothing_is_sent(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    values = posted(
        FULL, last_name=" ", date_of_birth="31 February 1991", first_name='"><i>x', passport_number="ab1"
    )
    response = as_staff.post(NEW, values)
    assert response.status_code == 200
    page = text(response)
    assert "<title>Error: New order consumer" in page
    assert '<a href="#id_last_name">Enter the last name</a>' in page
    wanted = "Date of birth must be a real date, such as 7 March 1991"
    assert f'<a href="#id_date_of_birth">{wanted}</a>' in page
    assert page.count(wanted) == 2
    for field in ("last_name", "date_of_birth"):
        assert re.search(rf'<input[^>]*name="{field}"[^>]*aria-describedby="[^"]*{field}[^"]*"', page)
        assert re.search(rf'<input[^>]*name="{field}"[^>]*aria-invalid="true"', page)
    assert typed(on_page(response)) == typed(values)
    assert on_page(response)["token"] == values["token"]
    assert creates(sandbox) == []
    assert not Submission.objects.exists()


def test_corrected_entry_is_sent_with_the_token_of_the_first_page(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    values = posted(FULL, last_name="")
    again = {**on_page(as_staff.post(NEW, values)), "last_name": FULL.last_name}
    assert as_staff.post(NEW, again).status_code == 303
    assert str(Submission.objects.get().token) == values["token"]
    assert json.loads(sandbox.sandbox.consumers(SAMPLE_ORDER)[0].body) == FULL.to_json()


@pytest.mark.once
def test_twice_the_permitted_rows_are_a_clear_error_and_no_bare_400(
    as_staff: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    pairs = [("ProfileSystem", f"id-{number}") for number in range(2 * settings.MAX_IDENTIFIERS)]
    values = posted(clean(), **identifier_rows(pairs))
    response = as_staff.post(NEW, values)
    assert response.status_code == 200
    assert f'<a href="#identifiers">Enter at most {settings.MAX_IDENTIFIERS} identifiers</a>' in text(
        response
    )
    assert typed(on_page(response)) == typed(values)


@pytest.mark.once
@pytest.mark.parametrize("count", [None, "", "0", "x", "9" * 5000])
def test_uncounted_rows_are_neither_dropped_nor_sent(
    as_staff: Client, sandbox: SandboxServer, count: str | None
) -> None:
    values = posted()
    assert values["emails-0-value"]
    if count is None:
        del values["emails-TOTAL_FORMS"]
    else:
        values["emails-TOTAL_FORMS"] = count
    response = as_staff.post(NEW, values)
    assert response.status_code == 200
    assert "A part of the form was missing when it arrived" in text(response)
    assert on_page(response)["emails-0-value"] == values["emails-0-value"]
    assert creates(sandbox) == []
    assert as_staff.post(NEW, on_page(response)).status_code == 303


@pytest.mark.once
@pytest.mark.parametrize("button", [{"remove": "emails-" + "9" * 5000}, {"add": "x"}, {"remove": "x-1"}])
def test_unknown_button_loses_nothing(
    as_staff: Client, sandbox: SandboxServer, button: dict[str, str]
) -> None:
    response = as_staff.post(NEW, {**posted(), "last_name": "", **button})
    assert response.status_code == 200
    assert on_page(response)["emails-0-value"] == posted()["emails-0-value"]


@pytest.mark.once
def test_too_many_rows_all_stay_and_are_reported(
    as_staff: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.MAX_EMAILS = 20
    emails = [f"a{number}@example.com" for number in range(40)]
    values = {name: value for name, value in posted().items() if not name.startswith("emails-")}
    values |= {"emails-TOTAL_FORMS": "40", "emails-INITIAL_FORMS": "0"}
    values |= {f"emails-{number}-value": email for number, email in enumerate(emails)}
    response = as_staff.post(NEW, values)
    assert "Enter at most 20 email addresses" in text(response)
    assert [on_page(response)[f"emails-{number}-value"] for number in range(40)] == emails
    assert creates(sandbox) == []


@pytest.mark.once
@pytest.mark.parametrize("token", ["", "not-a-token"])
def test_without_its_token_a_form_sends_nothing(as_staff: Client, sandbox: SandboxServer, token: str) -> None:
    response = as_staff.post(NEW, {**posted(), "token": token})
    assert response.status_code == 200
    assert "Nothing was sent" in text(response)
    assert typed(on_page(response)) == typed(posted())
    assert creates(sandbox) == []
    assert as_staff.post(NEW, on_page(response)).status_code == 303


@pytest.mark.once
@pytest.mark.parametrize(("field", "value"), [("title", "Baroness"), ("country", "YU")])
def test_choice_that_no_longer_exists_is_reported_and_stays(
    as_staff: Client, sandbox: SandboxServer, field: str, value: str
) -> None:
    response = as_staff.post(NEW, posted(FULL, **{field: value}))
    assert f'<a href="#id_{field}">Choose a {field} from the list</a>' in text(response)
    assert on_page(response)[field] == value
    assert creates(sandbox) == []


# --- Rows without script --------------------------------------------------------------------------
ODD = posted(FULL, order_ref="nonsense", last_name="", date_of_birth="31 2 1991", **rows("emails", ["x", ""]))


@pytest.mark.once
@pytest.mark.parametrize(
    ("prefix", "new_row"),
    [
        ("emails", {"emails-2-value": ""}),
        ("phone_numbers", {"phone_numbers-2-value": ""}),
        ("identifiers", {"identifiers-2-provider": "", "identifiers-2-id": ""}),
    ],
)
def test_add_button_adds_one_row_and_validates_nothing(
    as_staff: Client, sandbox: SandboxServer, prefix: str, new_row: dict[str, str]
) -> None:
    response = as_staff.post(NEW, {**ODD, "add": prefix})
    assert response.status_code == 200
    assert typed(on_page(response)) == {**typed(ODD), **new_row}
    page = text(response)
    buttons = re.findall(rf'name="remove" value="{prefix}-(\d)".*?data-list-number>(\d)<', page)
    assert buttons == [("0", "1"), ("1", "2"), ("2", "3")]  # the row's index, and its number in the name
    assert 'role="alert"' not in page
    assert "is-invalid" not in page
    assert "<title>New order consumer" in page
    assert creates(sandbox) == []
    assert not Submission.objects.exists()


@pytest.mark.once
@pytest.mark.parametrize("button", [{"add": "emails"}, {"remove": "emails-0"}, {"check": "order"}])
def test_buttons_of_the_page_keep_its_token_so_that_its_submission_is_found(
    as_staff: Client, sandbox: SandboxServer, button: dict[str, str]
) -> None:
    values = posted(clean())
    receipt = as_staff.post(NEW, values)["Location"]
    page = as_staff.post(NEW, {**values, **button})  # after an answer that was lost
    assert on_page(page)["token"] == values["token"]
    again = as_staff.post(NEW, on_page(page))
    assert receipt in again.headers.get("Location", "") + text(again)
    assert len(creates(sandbox)) == 1


@pytest.mark.once
@pytest.mark.parametrize("index", [0, 1])
def test_remove_button_removes_only_its_row(as_staff: Client, sandbox: SandboxServer, index: int) -> None:
    remaining = FULL.identifiers[1 - index]
    response = as_staff.post(NEW, {**ODD, "remove": f"identifiers-{index}"})
    wanted = {name: value for name, value in typed(ODD).items() if not name.startswith("identifiers-")}
    wanted |= {"identifiers-0-provider": remaining.provider, "identifiers-0-id": remaining.id}
    assert typed(on_page(response)) == wanted
    assert creates(sandbox) == []


@pytest.mark.once
def test_removing_the_last_row_leaves_an_empty_one(as_staff: Client) -> None:
    response = as_staff.post(NEW, {**posted(clean()), "remove": "emails-0"})
    assert on_page(response)["emails-0-value"] == ""
    assert "emails-1-value" not in on_page(response)


@pytest.mark.once
@pytest.mark.parametrize(
    "button", [{"add": "shoes"}, {"remove": "shoes-0"}, {"remove": "emails-x"}, {"add": ""}]
)
def test_forged_button_has_no_effect(
    as_staff: Client, sandbox: SandboxServer, button: dict[str, str]
) -> None:
    assert as_staff.post(NEW, {**posted(), **button}).status_code == 303


def test_rows_can_be_added_before_the_entry_is_sent(as_staff: Client, sandbox: SandboxServer) -> None:
    values = posted(clean())
    for prefix in ("emails", "identifiers"):
        values = {**on_page(as_staff.post(NEW, {**values, "add": prefix}))}
    values |= {
        "emails-1-value": "second@example.com",
        "identifiers-1-provider": "ProfileSystem",
        "identifiers-1-id": "1",
    }
    assert as_staff.post(NEW, values).status_code == 303
    body = json.loads(sandbox.sandbox.consumers(SAMPLE_ORDER)[0].body)
    assert body["emails"] == ["ida@example.com", "second@example.com"]
    assert body["identifiers"] == [{"provider": "ProfileSystem", "id": "1"}]


# --- Providers ------------------------------------------------------------------------------------
def test_provider_whose_rule_was_removed_stays_with_a_warning(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    IdentityRule.objects.create(name="Loyalty", provider="LoyaltyProgramme", priority=1)
    values = posted(clean(emails=(), identifiers=(Identifier("ProfileSystem", "1"),)))
    response = as_staff.post(NEW, values)
    assert typed(on_page(response)) == typed(values)
    assert "matches an identity rule" in text(response)
    assert creates(sandbox) == []


# --- Warnings -------------------------------------------------------------------------------------
ODD_CONSUMER = clean(emails=(), phone_numbers=("reception",))


def test_notes_of_a_list_describe_it_to_screen_readers(
    as_staff: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.MAX_EMAILS = 2
    wrong = as_staff.post(NEW, posted(clean(emails=("a@example.com", "b@example.com", "c@example.com"))))
    assert _notes_of_list("emails", wrong.content.decode()) == ["Enter at most 2 email addresses"]
    hint = "They determine to which guest profile the person is matched."
    assert _notes_of_list("identifiers", wrong.content.decode()) == [hint]
    assert _notes_of_list("phone_numbers", wrong.content.decode()) == []
    doubtful = as_staff.post(NEW, posted(ODD_CONSUMER)).content.decode()
    [first, warning] = _notes_of_list("identifiers", doubtful)
    assert first == hint
    assert "will probably create a new guest profile" in warning


def _notes_of_list(prefix: str, page: str) -> list[str]:
    """The texts that describe the group of a list."""
    [group] = re.findall(f'<fieldset id="{prefix}"[^>]*>', page)
    ids = " ".join(re.findall('aria-describedby="([^"]+)"', group)).split()
    return [note for one in ids for note in re.findall(f' id="{one}"[^>]*>(?:<p>)?([^<]+)', page)]


def accepted_on(page: str) -> str:
    """The warnings that the button Create anyway accepts."""
    [attributes] = [attributes for attributes, labels in buttons(page) if labels == "Create anyway"]
    found = re.search(r'name="accepted" value="([^"]*)"', attributes)
    assert found
    return found[1]


def test_page_stops_once_with_the_entry_and_create_anyway_sends(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    values = posted(ODD_CONSUMER)
    response = as_staff.post(NEW, values)
    assert response.status_code == 200
    page = response.content.decode()
    assert "Check before creating" in page
    assert page.count("will probably create a new guest profile") == 2  # in the panel, and at the identifiers
    assert page.count("reception cannot be read as a phone number. It will be sent as typed.") == 2
    assert '<div id="id_phone_numbers-0-value_warning" class="warning-feedback">' in page
    assert 'aria-describedby="id_phone_numbers-0-value_warning"' in page
    assert typed(on_page(response)) == typed(values)
    assert on_page(response)["token"] == values["token"]
    assert creates(sandbox) == []
    again = as_staff.post(NEW, {**on_page(response), "accepted": accepted_on(page)})
    assert again.status_code == 303
    assert len(creates(sandbox)) == 1
    [event] = events("consumer.create_requested")
    assert event.details["overridden"] == ["no_matching_identity", "phone_number_not_read"]


def test_valid_entry_is_not_stopped_and_accepts_no_warning(as_staff: Client, sandbox: SandboxServer) -> None:
    assert as_staff.post(NEW, posted()).status_code == 303
    assert "overridden" not in events("consumer.create_requested")[0].details


def test_further_warning_after_create_anyway_stops_again(as_staff: Client, sandbox: SandboxServer) -> None:
    page = as_staff.post(NEW, posted(ODD_CONSUMER))
    accepted = accepted_on(page.content.decode())
    old = {**on_page(page), "accepted": accepted, "date_of_birth": "1 1 1801"}
    response = as_staff.post(NEW, old)
    assert response.status_code == 200
    assert "over 120 years ago" in text(response)
    assert set(accepted.split()) < set(accepted_on(response.content.decode()).split())
    assert creates(sandbox) == []


def test_new_similar_submission_after_the_warning_stops_again(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    store(staff, Outcome.CREATED, clean(first_name=FULL.first_name, last_name=FULL.last_name))
    first = as_staff.post(NEW, posted())
    accepted = accepted_on(first.content.decode())
    store(staff, Outcome.SENDING, clean(passport_number=FULL.passport_number))
    second = as_staff.post(NEW, {**on_page(first), "accepted": accepted})
    assert second.status_code == 200
    assert "A similar consumer is being sent to this order." in text(second)
    assert creates(sandbox) == []
    both = accepted_on(second.content.decode())
    decision = {"accepted": both, "similar_reason": "same_name"}
    assert as_staff.post(NEW, {**on_page(second), **decision}).status_code == 303
    assert events("consumer.create_requested")[0].details["overridden"] == ["similar_consumer"]
    assert len(creates(sandbox)) == 1


def test_similar_consumer_is_shown_with_person_time_reference_and_fields(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    earlier = store(staff, Outcome.CREATED)
    page = text(as_staff.post(NEW, posted(clean(passport_number=FULL.passport_number))))
    assert "A similar consumer was created on this order. Same fields: passport number." in page
    assert f"By {staff.name}," in page
    assert earlier.consumer_ref in page
    assert f'datetime="{earlier.submitted_at:%Y-%m-%dT%H:%M:%SZ}"' in page
    assert f'href="/submissions/{earlier.public_id}/"' in page


def test_similar_submission_is_linked_only_for_readers_with_permission(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer
) -> None:
    earlier = store(make_person("sid", "staff"), Outcome.CREATED)
    link = f'href="/submissions/{earlier.public_id}/"'
    assert link not in text(as_staff.post(NEW, posted()))
    assert link in text(as_supervisor.post(NEW, posted()))


@pytest.mark.sql("new")
@pytest.mark.parametrize("outcome", [Outcome.SENDING, Outcome.UNKNOWN])
def test_identical_submission_that_may_exist_leads_to_its_receipt_without_create_anyway(
    as_staff: Client, staff: User, sandbox: SandboxServer, outcome: Outcome
) -> None:
    mine = store(staff, outcome)
    values = posted()
    response = as_staff.post(NEW, {**values, "accepted": f"similar_consumer:{mine.public_id}"})
    page = text(response)
    assert response.status_code == 200
    assert "Create anyway" not in page
    expected = (
        "sending this consumer." if outcome == Outcome.SENDING else "sent this consumer to this order, and"
    )
    assert f"already {expected}" in page
    assert "You " in page
    assert f'href="/submissions/{mine.public_id}/"' in page
    assert typed(on_page(response)) == typed(values)
    assert creates(sandbox) == []


@pytest.mark.sql("new")
def test_identical_submission_of_another_person_is_shown_without_a_link(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    theirs = store(make_person("sid", "staff"), Outcome.UNKNOWN)
    page = text(as_staff.post(NEW, posted()))
    assert "Sid Person has already sent this consumer to this order, and the outcome is unknown." in page
    assert (
        "It has to be resolved first: a check may find the outcome; otherwise a supervisor resolves it."
        in page
    )
    assert re.search("<p> Submitted: <time[^>]*>[^<]+</time>", page)
    assert str(theirs.public_id) not in page


@pytest.mark.sql("new")
@pytest.mark.parametrize("is_own", [True, False])
def test_identical_submission_whose_send_is_stuck_is_unknown_and_nobody_is_sending_it(
    as_staff: Client, staff: User, sandbox: SandboxServer, is_own: bool
) -> None:
    stuck_since = clock.now() - resolution.longest_send() - 2 * resolution.WORKER_DELAY
    sender = staff if is_own else make_person("sid", "staff")
    store(sender, Outcome.SENDING, submitted_at=stuck_since, deadline=stuck_since)
    page = text(as_staff.post(NEW, posted()))
    who = "You have" if is_own else "Sid Person has"
    assert f"{who} already sent this consumer to this order, and the outcome is unknown." in page
    assert "already sending this consumer" not in page
    assert "The background worker should have recorded this by now" in page
    assert "a supervisor resolves it" not in page  # nobody can, before the worker has recorded it
    assert creates(sandbox) == []


# --- The same form again --------------------------------------------------------------------------
def test_same_form_with_the_same_entry_leads_to_the_same_receipt(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    values = posted()
    first, second = as_staff.post(NEW, values), as_staff.post(NEW, values)
    assert first["Location"] == second["Location"]
    assert first["Location"].startswith("/submissions/")
    assert len(creates(sandbox)) == 1
    assert len(events("submission.repeat_blocked")) == 1


def test_used_form_with_another_person_sends_nothing_and_preserves_the_entry(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    first = posted()
    receipt = as_staff.post(NEW, first)["Location"]
    sibling = posted(clean(last_name=FULL.last_name), token=first["token"])
    response = as_staff.post(NEW, sibling)
    assert response.status_code == 200
    assert typed(on_page(response)) == typed(sibling)
    assert on_page(response)["token"] != first["token"]
    page = text(response)
    assert "Nothing was sent" in page
    assert f'href="{receipt}"' in page
    assert 'role="alert"' not in page
    assert len(creates(sandbox)) == 1
    assert as_staff.post(NEW, on_page(response)).status_code == 303
    assert [json.loads(stored.body)["firstName"] for stored in sandbox.sandbox.consumers(SAMPLE_ORDER)] == [
        FULL.first_name,
        "Ida",
    ]


# --- Correcting an earlier submission -------------------------------------------------------------
@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.NOT_SENT, Outcome.NOT_CREATED])
def test_earlier_submission_that_created_nothing_fills_the_form_and_can_be_sent_again(
    as_staff: Client, staff: User, sandbox: SandboxServer, outcome: Outcome
) -> None:
    earlier = store(staff, outcome)
    address = f"{NEW}?from={earlier.public_id}"
    response = as_staff.get(address)
    values = on_page(response)
    assert sent(values) == FULL
    assert values["order_ref"] == SAMPLE_ORDER
    assert values["token"] != str(earlier.token)
    assert f'href="/submissions/{earlier.public_id}/"' in text(response)
    assert [event.submission for event in events("submission.viewed")] == [str(earlier.public_id)]
    assert creates(sandbox) == []
    assert as_staff.post(address, values).status_code == 303
    again = Submission.objects.latest("id")
    assert (again.resubmission_of, again.outcome) == (earlier, Outcome.CREATED)


@pytest.mark.parametrize("outcome", [Outcome.SENDING, Outcome.CREATED, Outcome.UNKNOWN])
def test_submission_that_created_or_may_have_created_fills_no_form(
    as_staff: Client, staff: User, outcome: Outcome
) -> None:
    assert as_staff.get(f"{NEW}?from={store(staff, outcome).public_id}").status_code == 404


def test_entry_whose_correction_has_become_impossible_is_shown_and_sent_as_a_new_one(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    earlier = store(staff, Outcome.NOT_CREATED, clean(last_name="Earlier"))
    address = f"{NEW}?from={earlier.public_id}"
    values = {**on_page(as_staff.get(address)), "last_name": "Carefully"}
    Submission.objects.update(contradicted=True, late_outcome=Outcome.CREATED, late_consumer_ref=REF)
    response = as_staff.post(address, values)
    assert (response.status_code, creates(sandbox)) == (200, [])
    assert "The submission can no longer be corrected" in text(response)
    assert f'<form method="post" action="{NEW}"' in text(response)
    again = on_page(response)
    assert typed({**again, "draft_from": values["draft_from"]}) == typed(values)
    assert "draft_from" not in again
    assert "The submission can no longer" in text(as_staff.post(address, {**values, "first_name": ""}))
    receipt = as_staff.post(NEW, again)["Location"]
    assert receipt == as_staff.post(address, values)["Location"]  # sent already
    assert Submission.objects.latest("id").resubmission_of is None
    assert len(creates(sandbox)) == 1


@pytest.mark.sql("new")
def test_another_persons_submission_fills_the_form_only_for_a_supervisor(
    as_staff: Client, as_supervisor: Client
) -> None:
    theirs = store(make_person("sid", "staff"), Outcome.REJECTED)
    assert as_staff.get(f"{NEW}?from={theirs.public_id}").status_code == 403
    [denied] = events("access.denied")
    assert denied.submission == str(theirs.public_id)
    assert sent(on_page(as_supervisor.get(f"{NEW}?from={theirs.public_id}"))) == FULL


@pytest.mark.parametrize("named", ["x", "00000000-0000-4000-8000-000000000000", "../../x"])
def test_missing_submission_fills_no_form(as_staff: Client, named: str) -> None:
    assert as_staff.get(NEW, {"from": named}).status_code == 404


@pytest.mark.once
@pytest.mark.parametrize(("theirs", "ours"), list(NAME_OF_VENDOR_NAME.items()))
@pytest.mark.parametrize("consumer", [FULL, clean(emails=())], ids=["full", "nearly empty"])
def test_vendors_message_is_shown_at_the_field_that_it_names(
    as_staff: Client, staff: User, theirs: str, ours: str, consumer: NewConsumer
) -> None:
    earlier = store(
        staff,
        Outcome.REJECTED,
        consumer,
        error_field=theirs,
        vendor_message=f"{theirs}: must be <b>nicer</b>",
    )
    response = as_staff.get(f"{NEW}?from={earlier.public_id}")
    page = text(response)
    expected = "Sitecore CDP did not accept this value: must be &lt;b&gt;nicer&lt;/b&gt;"
    summary = "Sitecore CDP did not accept this value. No consumer was created."
    [(target, label)] = re.findall(rf'<a href="#([^"]+)">([^<]+): {summary}</a>', page)
    assert label == FIELD_LABELS[ours]
    assert target.removeprefix("id_").startswith(ours)
    assert f'id="{target}"' in page
    assert page.count(expected) == 1
    assert sent(on_page(response)) == consumer


@pytest.mark.once
@pytest.mark.parametrize(
    ("named", "control"),
    [
        ("emails[0]", "emails-0-value"),
        ("emails[1]", "emails-1-value"),
        ("phoneNumbers[1]", "phone_numbers-1-value"),
        ("identifiers[1].provider", "identifiers-1-provider"),
        ("identifiers[1].id", "identifiers-1-id"),
        ("identifiers[1]", "identifiers-1-id"),
        ("identifiers[1].expiryDate", "identifiers-1-id"),
        ("emails[2]", "emails-0-value"),  # nothing was sent there
        ("emails[99999999999999999999]", "emails-0-value"),
        ("title[1]", "title"),
    ],
)
def test_vendors_message_about_one_value_of_a_list_is_shown_at_its_row(
    as_staff: Client, staff: User, named: str, control: str
) -> None:
    field = re.sub(r"\W.*", "", named)
    earlier = store(staff, Outcome.REJECTED, FULL, error_field=field, vendor_message=f"{named}: is odd")
    page = text(as_staff.get(f"{NEW}?from={earlier.public_id}"))
    assert re.findall(r'<a href="#([^"]+)">[^<]+ did not accept this value', page) == [f"id_{control}"]
    invalid = [tag for tag in re.findall(r"<(?:input|select)[^>]*>", page) if 'aria-invalid="true"' in tag]
    assert [re.findall(r'name="([^"]+)"', tag) for tag in invalid] == [[control]]


def test_missing_order_is_reported_at_the_order_reference(as_staff: Client, staff: User) -> None:
    earlier = store(staff, Outcome.REJECTED, error_code="not_found", http_status=404)
    page = text(as_staff.get(f"{NEW}?from={earlier.public_id}"))
    expected = "Sitecore CDP has no order with this reference. No consumer was created."
    assert f'<a href="#id_order_ref">{expected}</a>' in page
    assert page.count(expected) == 2


@pytest.mark.once
def test_message_without_a_known_field_is_shown_in_the_summary(as_staff: Client, staff: User) -> None:
    earlier = store(staff, Outcome.REJECTED, vendor_message="The entry is <i>odd</i>")
    page = text(as_staff.get(f"{NEW}?from={earlier.public_id}"))
    assert "Sitecore CDP did not accept the entry." in page
    assert "The entry is &lt;i&gt;odd&lt;/i&gt;" in page


def test_corrected_order_reference_leads_to_the_other_order(as_staff: Client, sandbox: SandboxServer) -> None:
    first = as_staff.post(NEW, posted(order=FAULT_ORDERS["404"]))
    values = {**on_page(as_staff.get(first["Location"])), "order_ref": SAMPLE_ORDER}
    assert as_staff.post(first["Location"], values)["Location"].startswith("/submissions/")
    assert len(sandbox.sandbox.consumers(SAMPLE_ORDER)) == 1
