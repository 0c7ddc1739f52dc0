"""Page objects: the actions of people that the browser tests are written in."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, Request, expect

from apps.accounts.models import User
from apps.cdp.consumers import NewConsumer
from apps.cdp.factory import get_client
from apps.consumers.models import Submission
from apps.consumers.sending.submit import submit
from sandbox.api.routes import CREATE
from sandbox.data.seed import FAULT_ORDERS, SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.traces import TYPED
from tests.support.people import PASSWORD, acting

RECEIPT = re.compile(r"/submissions/[0-9a-f-]{36}/$")
CREATE_BUTTON = "form.entry > .button-row button"  # the visible one


@dataclass(frozen=True)
class Typed:
    """An entry as a person types it; empty fields are skipped."""

    order: str = SAMPLE_ORDER
    title: str = ""
    first_name: str = f"Aoife {TYPED['first name']}"
    last_name: str = f"Ní Dhálaigh {TYPED['last name']}"
    gender: str = ""
    born: str = ""
    emails: Sequence[str] = (f"{TYPED['mailbox']}@example.com",)
    phones: Sequence[str] = ()
    nationality: str = ""
    passport: str = ""
    country: str = ""
    identifiers: Sequence[tuple[str, str]] = field(default=())

    def but(self, **changes: Any) -> Typed:
        """A copy of the entry with some fields changed."""
        return replace(self, **changes)


SIMPLE = Typed()
WHOLE = Typed(
    title="Dr",
    first_name=f"Aoife {TYPED['whole first name']}",
    last_name=f"O’Brien-Ní {TYPED['whole last name']}",
    gender="Female",
    born="7 3 1991",
    emails=(
        f"{TYPED['whole mailbox']}@{TYPED['mail host'].upper()}.COM",
        f"A.{TYPED['second mailbox']}@example.org",
    ),
    phones=("087 123 4567", "+44 20 7946 0018"),
    nationality=f"Irish {TYPED['nationality']}",
    passport=f"pa1{TYPED['passport']}",
    country="Ireland",
    identifiers=(
        ("ProfileSystem", f"N-{TYPED['identifier']}"),
        ("LoyaltyProgramme", TYPED["second identifier"]),
    ),
)
WHOLE_AS_SENT = {
    "title": "Dr",
    "firstName": WHOLE.first_name,
    "lastName": WHOLE.last_name,
    "gender": "female",
    "dateOfBirth": "1991-03-07T00:00:00Z",
    "emails": [f"{TYPED['whole mailbox']}@{TYPED['mail host']}.com", WHOLE.emails[1]],
    "phoneNumbers": ["+353871234567", "+442079460018"],
    "nationality": WHOLE.nationality,
    "passportNumber": WHOLE.passport.upper(),
    "country": "IE",
    "identifiers": [{"provider": provider, "id": identifier} for provider, identifier in WHOLE.identifiers],
}
SIMPLE_AS_SENT = {
    "firstName": SIMPLE.first_name,
    "lastName": SIMPLE.last_name,
    "emails": list(SIMPLE.emails),
}


def go(page: Page, address: str) -> None:
    """Open an address once the page of the last click has loaded; in Firefox one interrupts the other."""
    page.wait_for_load_state()
    page.goto(address)


def sign_in(page: Page, username: str, password: str = PASSWORD) -> None:
    """Sign in through the page; ends on the start page."""
    go(page, "/accounts/login/")
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What do you want to do?")


def sends_entry(request: Request) -> bool:
    """Whether the request posts the form. The page also saves a draft by itself, some time after a change."""
    return request.method == "POST" and urlsplit(request.url).path == "/consumers/new/"


def open_form(page: Page, query: str = "") -> None:
    """Open the empty entry form, or one that the query fills."""
    go(page, f"/consumers/new/{query}")
    expect(page.get_by_role("heading", level=1)).to_have_text("New order consumer")


def fill_entry(page: Page, typed: Typed) -> None:
    """Type an entry; the Add buttons create further rows of the lists."""
    for name, text in (
        ("order_ref", typed.order),
        ("first_name", typed.first_name),
        ("last_name", typed.last_name),
        ("date_of_birth", typed.born),
        ("nationality", typed.nationality),
        ("passport_number", typed.passport),
    ):
        if text:
            page.locator(f"#id_{name}").fill(text)
    if typed.title:
        page.get_by_label("Title").select_option(typed.title)
    if typed.gender:
        page.get_by_label(typed.gender, exact=True).check()
    if typed.country:
        page.get_by_label("Country").select_option(label=typed.country)
    fill_rows(page, "emails", "Add another email address", [{"value": email} for email in typed.emails])
    fill_rows(page, "phone_numbers", "Add another phone number", [{"value": text} for text in typed.phones])
    rows = [{"provider": provider, "id": identifier} for provider, identifier in typed.identifiers]
    fill_rows(page, "identifiers", "Add another identifier", rows)


def fill_rows(page: Page, prefix: str, add: str, rows: Sequence[dict[str, str]]) -> None:
    """Fill a list, beginning with its first row."""
    for index, row in enumerate(rows):
        if page.locator(f"[name={prefix}-{index}-{next(iter(row))}]").count() == 0:
            page.get_by_role("button", name=add).click()
        for name, text in row.items():
            control = page.locator(f"[name={prefix}-{index}-{name}]")
            if control.evaluate("element => element.tagName") == "SELECT":
                control.select_option(text)
            else:
                control.fill(text)


def expect_phones_read(page: Page, typed: Typed) -> None:
    """Wait until the server has read every typed phone number, which a script asks it after a pause."""
    expect(page.locator(".phone-echo:not(:empty)")).to_have_count(len(typed.phones))


def typed_again(page: Page) -> dict[str, str]:
    """The values of the fields by the names that would be posted, without empty and secret ones."""
    page.wait_for_load_state()
    values: dict[str, str] = page.locator("form.entry").evaluate(
        "form => Object.fromEntries([...new FormData(form)].filter(([name, value]) => value))"
    )
    hidden = re.compile(r"csrfmiddlewaretoken|token|.*_FORMS|accepted|entry_of|draft|draft_from")
    return {name: value for name, value in values.items() if not hidden.fullmatch(name)}


def token_of(page: Page) -> str:
    """The token of the rendered form."""
    return page.locator("form.entry [name=token]").input_value()


def press_create(page: Page) -> None:
    """Press Create consumer (not Create anyway)."""
    page.locator(CREATE_BUTTON).click()


def press_create_anyway(page: Page) -> None:
    """Press the button inside the warning, whose name contains what it overrides."""
    page.locator(".panel-warning").get_by_role("button", name="Create anyway").click()


def create(page: Page, typed: Typed = SIMPLE) -> Submission:
    """Create a consumer from the empty form to the receipt."""
    open_form(page)
    fill_entry(page, typed)
    press_create(page)
    return expect_receipt(page, "Consumer created")


def open_submitted(
    page: Page, person: User, body: dict[str, Any] = SIMPLE_AS_SENT, *, order: str = SAMPLE_ORDER
) -> Submission:
    """Submit a consumer for a person without the form, and open the receipt."""
    submission = submit(
        order_ref=order,
        consumer=NewConsumer.from_json(body),
        token=uuid.uuid4(),
        actor=acting(person),
        client=get_client(),
    )
    go(page, f"/submissions/{submission.public_id}/")
    return submission


def expect_receipt(page: Page, headline: str) -> Submission:
    """Assert that the page is the receipt with this outcome; returns its submission."""
    page.wait_for_url(RECEIPT)
    expect_headline(page, headline)
    return Submission.objects.get(public_id=page.url.rstrip("/").rpartition("/")[2])


def expect_headline(page: Page, headline: str, *, timeout: float | None = None) -> None:
    """Assert the headline of a receipt, before the person's name."""
    named = re.compile(rf"^\s*{re.escape(headline)}(: .+)?\s*$")
    expect(page.get_by_role("heading", level=1)).to_have_text(named, timeout=timeout)


def expect_error(page: Page, field_id: str, message: str) -> None:
    """Assert that the error is in the summary, which has the focus, and at its field."""
    expect(page).to_have_title(re.compile(r"^Error: "))
    summary = page.locator("[data-error-summary]")
    expect(summary).to_be_focused()
    expect(summary.get_by_role("link", name=message)).to_have_attribute("href", f"#{field_id}")
    control = page.locator(f"#{field_id}")
    expect(control).to_have_attribute("aria-invalid", "true")
    expect(control).to_have_accessible_description(re.compile(re.escape(message)))


def creates(sandbox: SandboxServer) -> int:
    """The number of creates that reached the sandbox, whatever their result."""
    return sum(request.operation == CREATE for request in sandbox.sandbox.requests())


def wire_calls(sandbox: SandboxServer) -> int:
    """The number of requests of any kind that reached the sandbox."""
    return len(sandbox.sandbox.requests())


def stored(sandbox: SandboxServer, order: str = SAMPLE_ORDER) -> list[dict[str, Any]]:
    """The bodies of the consumers created on an order, as received."""
    consumers = sandbox.sandbox.consumers(order)
    return [json.loads(one.body) for one in consumers if one.guest_effect != "seeded"]


def fault_order(fault: str) -> str:
    """The order on which every create has that fault."""
    return FAULT_ORDERS[fault]
