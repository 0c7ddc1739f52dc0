"""The paste box of the form, without a script: preview, fill in, discard. Nothing is created by it."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.consumers.models import IdentityRule, Outcome, PasteColumns, Submission
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import FULL, clean, creates, identifier_rows, on_page, posted, store, text, typed
from tests.support.people import events
from tests.support.travel_documents import SPECIMEN

pytestmark = [pytest.mark.django_db, pytest.mark.once]

NEW = "/consumers/new/"
BLANK = clean(first_name="", last_name="", emails=())
ROW = (
    "First name\tSurname\tE-mail\tDOB\tShoe size\n"
    "Ida\tMarkerson\tida@example.com; i@example.org\t07/03/1991\t38"
)


def blank(**changes: str) -> dict[str, str]:
    """The form with only the order."""
    return posted(BLANK, **changes)


def paste(client: Client, action: str, values: dict[str, str], pasted: str = "") -> Any:
    """Press a button of the box; the answer is the form."""
    more = {"paste_text": pasted} if pasted else {}
    response = client.post(NEW, {**values, **more, "paste": action})
    assert response.status_code == 200
    return response


def preview(response: Any) -> dict[str, str]:
    """The values of the form and of its preview, as a browser would post them."""
    box = re.search(
        r'<textarea name="paste_text"[^>]*>\n(.*?)</textarea>', response.content.decode(), re.DOTALL
    )
    assert box is not None
    page = response.content.decode()
    unticked = set(re.findall(r'<input type="checkbox" name="([^"]*)"(?![^>]* checked)', page))
    values = {name: value for name, value in on_page(response).items() if name not in unticked}
    return {**values, "paste_text": unescape(box[1])}


def filled(values: dict[str, str]) -> dict[str, str]:
    """The fields that have a value, without the order and what a browser adds."""
    found: dict[str, str] = typed(values)
    return {
        name: value for name, value in found.items() if value and not name.startswith(("paste", "order_ref"))
    }


def test_mrz_is_shown_before_it_is_filled_in(as_staff: Client, sandbox: SandboxServer) -> None:
    values = blank()
    response = paste(as_staff, "read", values, SPECIMEN)
    page = text(response)
    assert "Check what was read" in page
    for shown in (
        "L898902C3",
        "ERIKSSON",
        "ANNA MARIA",
        "12 August 1974",
        "Female",
        "ZE184226B",
        "15 April 2012",
    ):
        assert shown in page
    assert "accents are missing and long names are cut" in page
    assert filled(on_page(response)) == {}
    assert on_page(response)["token"] == values["token"]

    response = paste(as_staff, "fill", preview(response))
    assert filled(on_page(response)) == {
        "first_name": "ANNA MARIA",
        "last_name": "ERIKSSON",
        "gender": "female",
        "date_of_birth": "12 August 1974",
        "passport_number": "L898902C3",
    }
    assert on_page(response)["token"] == values["token"]
    # UTO is no country; issuing state, expiry and optional data have no field. All of them are still shown.
    for left_out in ("UTO", "ZE184226B", "15 April 2012", "TD3, P"):
        assert left_out in text(response)
    assert preview(response)["paste_text"] == ""
    assert focused(response) == "Filled in from the pasted text"  # UTO could have been a nationality
    assert sandbox.sandbox.requests() == []
    assert not Submission.objects.exists()


def focused(response: Any) -> str:
    """The name of the control, or the title of the panel, of the form that gets the focus."""
    form = text(response).partition('id="entry"')[2].partition("</form>")[0]
    [found] = re.findall(
        r'<input[^>]* name="([^"]*)"[^>]* data-focus|data-focus> <h2.*?<span>(.*?)</span>', form
    )
    return str(found[0] or found[1])


@pytest.mark.parametrize(
    ("pasted", "focus"),
    [
        (SPECIMEN.replace("UTO", "IRL"), "first_name"),  # an MRZ always has parts without a field
        ("Surname\tShoe size\nMarkerson\t38", "Filled in from the pasted text"),
        ("Surname\tDOB\nMarkerson\tnever", "Filled in from the pasted text"),
        ("Surname\tShoe size\nTyped\t", "Filled in from the pasted text"),  # nothing is filled in
        ("Surname\tFirst name\nTyped\tIda", "first_name"),
    ],
)
def test_focus_goes_to_the_panel_unless_everything_was_filled_in(
    as_staff: Client, pasted: str, focus: str
) -> None:
    values = preview(paste(as_staff, "read", blank(last_name="Typed" if "Typed" in pasted else ""), pasted))
    response = paste(as_staff, "fill", values)
    assert focused(response) == focus
    assert ("data-announce>" in text(response)) == (focus == "first_name")


def test_failed_check_digit_fills_nothing_and_says_so(as_staff: Client) -> None:
    response = paste(as_staff, "read", blank(), SPECIMEN.replace("L898902C36", "L898902C46"))
    assert "The check digit is wrong" in text(response)
    assert "The check digit over several parts is wrong" in text(response)
    values = filled(on_page(paste(as_staff, "fill", preview(response))))
    assert values == {"first_name": "ANNA MARIA", "last_name": "ERIKSSON", "gender": "female"}


def test_filled_field_is_replaced_only_if_the_person_says_so(as_staff: Client) -> None:
    response = paste(as_staff, "read", blank(last_name="Eriksson-Lind"), SPECIMEN)
    assert "Eriksson-Lind" in text(response)
    values = preview(response)
    kept = filled(on_page(paste(as_staff, "fill", values)))
    assert (kept["last_name"], kept["first_name"]) == ("Eriksson-Lind", "ANNA MARIA")
    replaced = filled(on_page(paste(as_staff, "fill", {**values, "paste-1-use": "on"})))
    assert replaced["last_name"] == "ERIKSSON"


def test_field_that_was_typed_after_the_preview_is_not_replaced(as_staff: Client) -> None:
    values = preview(paste(as_staff, "read", blank(), SPECIMEN))
    response = paste(as_staff, "fill", {**values, "last_name": "Typed"})
    assert "Nothing was filled in: something has changed" in text(response)
    assert filled(on_page(response)) == {"last_name": "Typed"}
    response = paste(as_staff, "fill", preview(response))
    assert filled(on_page(response))["last_name"] == "Typed"


def test_text_that_was_changed_after_the_preview_is_shown_again(as_staff: Client) -> None:
    values = preview(paste(as_staff, "read", blank(), ROW))
    response = paste(as_staff, "fill", {**values, "paste_text": ROW.replace("Ida", "Eva")})
    assert filled(on_page(response)) == {}
    assert filled(on_page(paste(as_staff, "fill", preview(response))))["first_name"] == "Eva"


def test_row_with_headers_fills_the_fields_and_shows_the_rest(as_staff: Client) -> None:
    response = paste(as_staff, "read", blank(), ROW)
    assert "Read as day, month, year" in text(response)
    response = paste(as_staff, "fill", preview(response))
    assert filled(on_page(response)) == {
        "first_name": "Ida",
        "last_name": "Markerson",
        "emails-0-value": "ida@example.com",
        "emails-1-value": "i@example.org",
        "date_of_birth": "7 March 1991",
    }
    assert "Shoe size" in text(response)
    assert not PasteColumns.objects.exists()


def test_lists_are_added_to_and_a_value_is_not_repeated(as_staff: Client) -> None:
    IdentityRule.objects.create(name="Loyalty", provider="LOY", priority=1)
    row = "Email\tLOY\tPhone\nIDA@example.com, new@example.com\tL-1\t+353 85 123 4567"
    values = preview(paste(as_staff, "read", posted(clean()), row))
    found = filled(on_page(paste(as_staff, "fill", values)))
    assert found["emails-0-value"] == "ida@example.com"
    assert found["emails-1-value"] == "new@example.com"
    assert "emails-2-value" not in found
    assert (found["identifiers-0-provider"], found["identifiers-0-id"]) == ("LOY", "L-1")
    assert found["phone_numbers-0-value"] == "+353 85 123 4567"


def test_list_that_overflows_keeps_every_value_and_the_form_reports_it(as_staff: Client) -> None:
    addresses = [f"ida{number}@example.com" for number in range(45)]
    row = f"Email\tShoe size\n{', '.join(addresses)}\t38"
    values = preview(paste(as_staff, "read", blank(first_name="Ida", last_name="Clean"), row))
    response = paste(as_staff, "fill", values)
    found = [value for name, value in filled(on_page(response)).items() if name.startswith("emails-")]
    assert ", ".join(found).split(", ") == addresses
    assert "Enter at most 20 email addresses" in text(as_staff.post(NEW, preview(response)))


def test_identifiers_are_added_in_pairs_and_named_if_there_is_no_room(as_staff: Client) -> None:
    row = "Provider\tIdentifier\nProfileSystem\tX-1"
    values = preview(paste(as_staff, "read", posted(FULL), row))
    found = filled(on_page(paste(as_staff, "fill", values)))
    assert (found["identifiers-2-provider"], found["identifiers-2-id"]) == ("ProfileSystem", "X-1")
    full = {**posted(clean()), **identifier_rows((f"P{number}", "1") for number in range(400))}
    response = paste(as_staff, "fill", preview(paste(as_staff, "read", full, row)))
    assert "The list of the form is full" in text(response)
    assert on_page(response)["identifiers-TOTAL_FORMS"] == "400"


PAIRS = "Provider 1\tIdentifier 1\tProvider 2\tIdentifier 2\n"


def identifiers(response: Any) -> list[tuple[str, str]]:
    """The rows of the identifiers, provider and ID."""
    values = on_page(response)
    count = int(values["identifiers-TOTAL_FORMS"])
    return [(values[f"identifiers-{row}-provider"], values[f"identifiers-{row}-id"]) for row in range(count)]


def test_half_an_identifier_never_gets_the_other_half_of_another_one(as_staff: Client) -> None:
    response = paste(as_staff, "read", blank(), f"{PAIRS}\tP-77\tLOYALTY\t")
    assert "Identifier 1: provider –, ID P-77" in text(response)
    assert "Identifier 2: provider LOYALTY, ID –" in text(response)
    response = paste(as_staff, "fill", preview(response))
    assert identifiers(response) == [("", "P-77"), ("LOYALTY", "")]
    page = text(as_staff.post(NEW, preview(response)))
    assert "Choose the provider of this identifier" in page
    assert "Enter the ID for this provider" in page


def test_unticked_provider_leaves_the_other_pairs_as_they_are(as_staff: Client) -> None:
    response = paste(as_staff, "read", blank(), f"{PAIRS}CRM\tP-77\tLOYALTY\tL-1")
    assert text(response).count("Identifier 2: provider LOYALTY, ID L-1") == 2
    values = preview(response)
    del values["paste-0-use"]
    assert identifiers(paste(as_staff, "fill", values)) == [("", "P-77"), ("LOYALTY", "L-1")]


def test_pair_that_was_not_shown_is_not_filled_in(as_staff: Client) -> None:
    values = preview(paste(as_staff, "read", blank(), f"{PAIRS}CRM\tP-77\tLOYALTY\tL-1"))
    response = paste(as_staff, "fill", {**values, "paste-0-field": ""})
    assert "Nothing was filled in: something has changed" in text(response)
    assert identifiers(response) == [("", "")]
    assert "Identifier 1: provider LOYALTY, ID P-77" in text(response)
    unread = preview(paste(as_staff, "read", blank(), "CRM\tP-77"))
    response = paste(
        as_staff, "fill", {**unread, "paste-0-field": "identifier_provider", "paste-1-field": "identifier_id"}
    )
    assert "Nothing was filled in: something has changed" in text(response)
    assert identifiers(paste(as_staff, "fill", preview(response))) == [("CRM", "P-77")]


def test_last_free_row_takes_a_whole_identifier(as_staff: Client) -> None:
    full = {**posted(clean()), **identifier_rows((f"P{number}", "1") for number in range(399))}
    values = preview(paste(as_staff, "read", full, "Provider\tIdentifier\nCRM\tX-1"))
    assert identifiers(paste(as_staff, "fill", values))[-1] == ("CRM", "X-1")


def test_value_that_the_form_has_already_is_left_as_it_is(as_staff: Client) -> None:
    row = "Passport\tDOB\tLast name\npz4a9565\t1991-03-07\tO’Beeblebrox"
    response = paste(as_staff, "read", posted(FULL), row)
    assert text(response).count("Already in the form") == 3
    found = filled(on_page(paste(as_staff, "fill", preview(response))))
    assert (found["passport_number"], found["date_of_birth"]) == ("PZ4A9565", "7 3 1991")


def test_columns_without_headers_are_asked_once_and_remembered_for_the_person(
    as_staff: Client, as_supervisor: Client, staff: User
) -> None:
    response = paste(as_staff, "read", blank(), "Markerson\tIda\tida@example.com")
    assert "The row has no headers" in text(response)
    values = {**preview(response), "paste-0-field": "last_name", "paste-1-field": "first_name"}
    assert values["paste-2-field"] == "emails"  # the only field that it can belong to
    response = paste(as_staff, "fill", values)
    expected = {"last_name": "Markerson", "first_name": "Ida", "emails-0-value": "ida@example.com"}
    assert filled(on_page(response)) == expected

    stored = PasteColumns.objects.get()
    assert (stored.person, stored.targets) == (staff, ["last_name", "first_name", "emails"])
    [event] = events("paste_columns.changed")
    assert event.details == {"count": 3}

    again = preview(paste(as_staff, "read", blank(), "Other\tEva\teva@example.com"))
    assert filled(on_page(paste(as_staff, "fill", again)))["last_name"] == "Other"
    assert len(events("paste_columns.changed")) == 1
    other = preview(paste(as_supervisor, "read", blank(), "Other\tEva\teva@example.com"))
    assert other["paste-0-field"] == ""


@pytest.mark.parametrize(
    ("pasted", "field", "present"),
    [
        ("Markerson\tx", "last_name", "Typed"),  # replaces a value
        ("07/03/1991 00:00\tx", "date_of_birth", ""),  # is not filled in as it was pasted
        ("POL\tx", "nationality", ""),
        ("Herr\tx", "title", ""),  # cannot be filled in
    ],
)
def test_chosen_column_is_shown_again_unless_its_text_goes_unchanged_to_an_empty_field(
    as_staff: Client, pasted: str, field: str, present: str
) -> None:
    values = preview(paste(as_staff, "read", blank(last_name=present), pasted))
    response = paste(as_staff, "fill", {**values, "paste-0-field": field})
    assert "Nothing was filled in: something has changed" in text(response)
    assert filled(on_page(response)) == ({"last_name": present} if present else {})


def test_column_that_was_left_out_is_not_filled_in(as_staff: Client) -> None:
    values = preview(paste(as_staff, "read", blank(), ROW))
    found = filled(on_page(paste(as_staff, "fill", {**values, "paste-0-field": ""})))
    assert "first_name" not in found
    assert found["last_name"] == "Markerson"


def test_nationality_with_several_words_is_chosen_by_the_person(as_staff: Client) -> None:
    values = preview(paste(as_staff, "read", blank(), "Nationality\tFirst name\nARG\tIda"))
    assert filled(on_page(paste(as_staff, "fill", values))) == {"first_name": "Ida"}
    chosen = paste(as_staff, "fill", {**values, "paste-0-choice": "Argentine"})
    assert filled(on_page(chosen))["nationality"] == "Argentine"
    invented = paste(as_staff, "fill", {**values, "paste-0-choice": "Invented"})
    assert "nationality" not in filled(on_page(invented))


@pytest.mark.parametrize(
    ("pasted", "message"),
    [
        ("  \n", "Paste a spreadsheet row or the lines of a machine-readable zone"),
        (SPECIMEN[:-1], "its lines have 44, 43 characters"),
        ("a\tb\nc\td\ne\tf", "3 rows were pasted"),
        ("First name\tLast name", "Only headers were pasted"),
        ("\t" * 41, "Paste a spreadsheet row"),
        ("a\t" * 41, "has 42 columns. Paste at most 40"),
        ("a" * 20_001, "has 20,001 characters. Paste at most 20,000"),
    ],
    ids=["blank", "short line", "rows", "headers", "tabs", "columns", "long"],
)
def test_unreadable_text_stays_in_the_box_with_the_reason(
    as_staff: Client, pasted: str, message: str
) -> None:
    response = paste(as_staff, "read", posted(FULL), pasted)
    page = text(response)
    assert page.count(message) == 2  # at the box and in the summary
    assert 'href="#id_paste_text"' in page
    assert preview(response)["paste_text"] == (pasted if pasted.strip() else "")
    assert typed(on_page(response))["last_name"] == FULL.last_name


def test_discard_empties_the_box_and_keeps_the_form(as_staff: Client) -> None:
    values = preview(paste(as_staff, "read", posted(FULL), SPECIMEN))
    response = paste(as_staff, "discard", values)
    assert preview(response)["paste_text"] == ""
    assert "ERIKSSON" not in text(response)
    assert typed(on_page(response))["last_name"] == FULL.last_name


@pytest.mark.parametrize("button", [{}, {"accepted": "similar_consumer"}])
def test_nothing_is_sent_while_a_pasted_text_is_not_filled_in(
    as_staff: Client, sandbox: SandboxServer, button: dict[str, str]
) -> None:
    values = posted(clean(), paste_text="Passport\nPZ4A9565", **button)
    response = as_staff.post(NEW, values)
    assert "Nothing was sent: the pasted text is not filled in" in text(response)
    assert on_page(response)["token"] == values["token"]
    response = as_staff.post(NEW, {**posted(clean()), "paste_text": SPECIMEN[:-1]})
    assert "Nothing was sent: the pasted text is not filled in" in text(response)
    assert sandbox.sandbox.requests() == []
    discarded = on_page(paste(as_staff, "discard", preview(response)))
    assert as_staff.post(NEW, discarded).status_code == 303


def test_pasted_text_survives_other_answers_of_the_form(
    as_staff: Client, client: Client, staff: User
) -> None:
    response = as_staff.post(NEW, {**blank(), "paste_text": SPECIMEN, "add": "emails"})
    assert preview(response)["paste_text"] == SPECIMEN
    sealed = {**blank(), "paste_text": SPECIMEN, "entry_of": on_page(response)["entry_of"]}
    client.post(NEW, sealed)
    client.force_login(staff)
    assert preview(client.get(NEW))["paste_text"] == SPECIMEN


@pytest.mark.parametrize("button", [{"add": "emails"}, {"carry-apply": "1"}, {"check": "order"}])
def test_choices_of_the_preview_survive_other_buttons(
    as_staff: Client, staff: User, sandbox: SandboxServer, button: dict[str, str]
) -> None:
    like = store(staff, Outcome.CREATED)
    response = paste(as_staff, "read", blank(), "Ida\tMarkerson\tARG\tida@example.com")
    chosen = {"paste-0-field": "first_name", "paste-1-field": "last_name", "paste-2-field": "nationality"}
    response = paste(as_staff, "fill", {**preview(response), **chosen})
    assert "something has changed" in text(response)  # ARG is not filled in as it was pasted
    values = {**preview(response), "paste-2-choice": "Argentine"}
    del values["paste-0-use"]
    for _time in range(2):
        response = as_staff.post(f"{NEW}?like={like.public_id}", {**values, **button})
        assert {name: value for name, value in preview(response).items() if name.startswith("paste-")} == {
            name: value for name, value in values.items() if name.startswith("paste-")
        }
        assert "data-focus" not in text(response).partition('id="entry"')[2]
        values = preview(response)
    assert creates(sandbox) == []
    found = filled(on_page(paste(as_staff, "fill", values)))
    assert (found["last_name"], found["nationality"]) == ("Markerson", "Argentine")
    assert "first_name" not in found


def test_choice_is_not_kept_for_a_line_that_would_now_replace_a_value(as_staff: Client) -> None:
    values = preview(paste(as_staff, "read", blank(), ROW))
    response = as_staff.post(NEW, {**values, "last_name": "Typed", "add": "emails"})
    kept = preview(response)
    assert "paste-0-use" in kept
    assert "paste-1-use" not in kept
    assert filled(on_page(paste(as_staff, "fill", kept)))["last_name"] == "Typed"


def test_unticked_line_stays_unticked_when_something_else_has_changed(as_staff: Client) -> None:
    values = preview(paste(as_staff, "read", blank(), ROW))
    del values["paste-0-use"]
    again = preview(paste(as_staff, "fill", {**values, "last_name": "Typed"}))
    assert "paste-0-use" not in again
    again = preview(as_staff.post(NEW, values))
    assert "paste-0-use" not in again


def test_two_different_texts_are_reported_and_neither_is_read(as_staff: Client) -> None:
    response = as_staff.post(NEW, {**blank(), "paste": "read", "paste_text": [SPECIMEN, "other"]})
    assert "sent twice with different values" in text(response)


def test_a_post_without_lists_or_token_is_answered_with_a_form(as_staff: Client) -> None:
    response = paste(as_staff, "read", {}, SPECIMEN)
    assert on_page(response)["token"]
    assert on_page(response)["emails-TOTAL_FORMS"] == "1"


def test_order_in_a_row_goes_to_the_order(as_staff: Client) -> None:
    values = preview(
        paste(as_staff, "read", posted(BLANK, order=""), f"Order ref\tFirst name\n{SAMPLE_ORDER}\tIda")
    )
    response = paste(as_staff, "fill", values)
    assert on_page(response)["order_ref"] == SAMPLE_ORDER
    assert "<p>Order, First name</p>" in text(response)  # as the field is named
