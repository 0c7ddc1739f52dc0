"""Entries as a browser posts them, submissions as rows, and pages read back into entries."""

from __future__ import annotations

import datetime
import re
import uuid
from collections.abc import Iterable
from html import unescape
from typing import Any, Protocol

from apps.accounts.models import User
from apps.cdp.consumers import Identifier, NewConsumer, OrderConsumer
from apps.consumers.forms.entry import Entry
from apps.consumers.models import Outcome, ResolutionReason, ResolvedHow, Submission
from apps.consumers.sending.digests import content_digest, store_search_digests
from apps.core import personal_data
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.data.store import WireRequest
from sandbox.server.sandbox_server import SandboxServer

CREATE = "create_order_consumer"
REF = "0f0e0d0c-0b0a-4908-8706-050403020100"

FULL = NewConsumer(
    title="Dr",
    first_name="Aoife Zaphodina",
    last_name="O’Beeblebrox",
    gender="unknown",
    date_of_birth=datetime.date(1991, 3, 7),
    emails=("Aoife.Zed@example.com", "aoife@example.org"),
    phone_numbers=("+353851234567", "+353161123345"),
    nationality="Irish",
    passport_number="PZ4A9565",
    country="IE",
    identifiers=(Identifier("ProfileSystem", "PS-77-Zaphod"), Identifier("LoyaltyProgramme", "LP-42-Zaphod")),
)
"""A consumer with every field filled, without warnings."""


def clean(**changes: Any) -> NewConsumer:
    """A consumer that causes no warning, with these fields changed."""
    return NewConsumer(
        **{"first_name": "Ida", "last_name": "Clean", "emails": ("ida@example.com",), **changes}
    )


def posted(
    consumer: NewConsumer = FULL, *, order: str = SAMPLE_ORDER, token: str = "", **changes: str
) -> dict[str, str]:
    """The form data for this consumer; ``changes`` are further fields, by their names in the form."""
    born = consumer.date_of_birth
    values = {
        "token": token or str(uuid.uuid4()),
        "order_ref": order,
        "title": consumer.title,
        "first_name": consumer.first_name,
        "last_name": consumer.last_name,
        "gender": consumer.gender,
        "date_of_birth": f"{born.day} {born.month} {born.year}" if born else "",
        "nationality": consumer.nationality,
        "passport_number": consumer.passport_number,
        "country": consumer.country,
        **rows("emails", consumer.emails or ("",)),
        **rows("phone_numbers", consumer.phone_numbers or ("",)),
        **identifier_rows((item.provider, item.id) for item in consumer.identifiers),
    }
    return {**values, **changes}


def rows(prefix: str, values: Iterable[str]) -> dict[str, str]:
    """A list of e-mail addresses or phone numbers as form data."""
    texts = {f"{prefix}-{index}-value": value for index, value in enumerate(values)}
    return {f"{prefix}-TOTAL_FORMS": str(len(texts)), f"{prefix}-INITIAL_FORMS": "0", **texts}


def identifier_rows(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The identifiers as form data; one empty row if there are none."""
    values = {"identifiers-INITIAL_FORMS": "0"}
    pairs = list(pairs) or [("", "")]
    for index, (provider, id_) in enumerate(pairs):
        values |= {f"identifiers-{index}-provider": provider, f"identifiers-{index}-id": id_}
    return {**values, "identifiers-TOTAL_FORMS": str(len(pairs))}


def read(values: dict[str, str], *providers: str) -> Entry:
    """The entry that the server reads from the form data."""
    entry = Entry.bound(values, providers)
    entry.is_valid()
    return entry


def messages(values: dict[str, str], *providers: str) -> dict[str, str]:
    """The error summary for the form data: the target and the text of each line."""
    return {error.href: error.message for error in read(values, *providers).errors()}


def sent(values: dict[str, str], *providers: str) -> NewConsumer:
    """The consumer that would be sent. Fails with the errors if the entry is invalid."""
    entry = Entry.bound(values, providers)
    assert entry.is_valid(), list(entry.errors())
    return entry.to_new_consumer()


class Page(Protocol):
    """A response of the test client."""

    content: bytes


_TEMPLATE = re.compile(r"<template\b.*?</template>", re.DOTALL)
_CONTROL = re.compile(r"<(input|select|option|/select)\b([^>]*)>")
_ATTRIBUTE = re.compile(r'([\w-]+)(?:="([^"]*)")?')


def on_page(page: Page) -> dict[str, str]:
    """The form data that a browser would post from this page, without the CSRF token.

    Reads only the tags of controls: a whole parser takes 16 ms for the lists of countries.
    """
    values: dict[str, str] = {}
    chosen = ""
    for tag, attributes in _CONTROL.findall(_TEMPLATE.sub("", page.content.decode())):
        given = {name: unescape(value) for name, value in _ATTRIBUTE.findall(attributes)}
        name, value = given.get("name", ""), given.get("value", "")
        to_check = given.get("type") in ("radio", "checkbox")
        if tag == "input" and name and (not to_check or "checked" in given):
            values[name] = "on" if given.get("type") == "checkbox" else value
        elif tag in ("select", "/select"):
            chosen = name
        elif tag == "option" and chosen and ("selected" in given or chosen not in values):
            values[chosen] = value
    return {name: value for name, value in values.items() if not name.startswith("csrf")}


def typed(values: dict[str, str]) -> dict[str, str]:
    """The typed part of an entry: without the token and the counts of the lists."""
    return {
        name: value
        for name, value in values.items()
        if name not in ("token", "entry_of", "draft", "accepted", "similar_reason", "add", "remove")
        and not name.endswith("_FORMS")
    }


def text(page: Page) -> str:
    """The text of the page, with runs of white space collapsed."""
    return " ".join(page.content.decode().split())


class Browser(Protocol):
    """A test client."""

    def post(self, path: str, data: dict[str, str], /) -> Any: ...


def create_anyway(browser: Browser, values: dict[str, str]) -> Any:
    """Post an entry that meets warnings, and create it anyway."""
    page = browser.post("/consumers/new/", values)
    found = re.search(r'name="accepted" value="([^"]*)"', page.content.decode())
    assert found, "The entry has no warning"
    return browser.post("/consumers/new/", {**values, "accepted": found[1], "similar_reason": "same_name"})


def creates(sandbox: SandboxServer) -> list[WireRequest]:
    """The creates that arrived at the sandbox."""
    return [request for request in sandbox.sandbox.requests() if request.operation == CREATE]


_FACTS: dict[Outcome, dict[str, Any]] = {
    Outcome.SENDING: {"finished": False},
    Outcome.CREATED: {"consumer_ref": REF, "http_status": 200},
    Outcome.REJECTED: {"error_code": "invalid", "http_status": 400},
    Outcome.NOT_SENT: {"error_code": "connect_refused"},
    Outcome.UNKNOWN: {"error_code": "read_timeout"},
    Outcome.NOT_CREATED: {"error_code": "read_timeout", "resolved": True},
}


def store(
    actor: User,
    outcome: Outcome,
    consumer: NewConsumer = FULL,
    *,
    order: str = SAMPLE_ORDER,
    answer: OrderConsumer | None = None,
    vendor_message: str = "",
    note: str = "",
    **columns: Any,
) -> Submission:
    """A stored submission with that outcome; ``columns`` override the defaults."""
    now = datetime.datetime.now(datetime.UTC)
    facts = dict(_FACTS[outcome])
    finished = facts.pop("finished", True)
    if facts.pop("resolved", False):
        facts |= resolved_by(actor)
    sound = {
        "token": uuid.uuid4(),
        "content_digest": content_digest(order, consumer),
        "order_ref": order,
        "actor": actor,
        "actor_name": actor.name,
        "outcome": outcome,
        "submitted_at": now,
        "deadline": now + datetime.timedelta(seconds=30),
        "finished_at": now if finished else None,
    }
    submission = Submission(**{**sound, **facts, **columns})
    submission.consumer = consumer
    if answer is not None:
        submission.answer = answer
    for column, value in (("encrypted_vendor_message", vendor_message), ("encrypted_resolution_note", note)):
        if value:
            setattr(submission, column, personal_data.encrypted(submission, column, value))
    submission.save()
    store_search_digests(submission, consumer)
    return submission


def resolved_by(person: User) -> dict[str, Any]:
    """The columns of an outcome that a person has resolved."""
    return {
        "resolved_how": ResolvedHow.BY_SUPERVISOR,
        "resolved_at": datetime.datetime.now(datetime.UTC),
        "resolved_by": person,
        "resolved_by_name": person.name,
        "resolution_reason": ResolutionReason.VENDOR_CONFIRMED,
    }
