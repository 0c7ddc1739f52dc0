"""The gallery of components: an example of each in every state, from fixed data. Practice mode only.

``templates/gallery/`` has the examples, in folders like those of ``templates/components/``. Their texts are
examples, not texts of the portal, so they are not translated.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.messages import constants
from django.contrib.messages.storage.base import Message
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.audit.presenters import events as audit
from apps.consumers.forms.entry import Entry
from apps.consumers.models import Outcome
from apps.consumers.presenters.comparison import Compared
from apps.consumers.presenters.lists import ListColumn, SubmissionLine, list_columns
from apps.consumers.presenters.timelines import TimelineItem
from apps.core.forms.errors import FieldError
from apps.core.forms.input import PortalForm
from apps.core.web.filters import Chip, DayField
from apps.history.forms.export import ExportForm
from apps.history.presenters import figures
from apps.history.presenters.figures_headline import Card, HeadlinePage
from apps.orders import presenters as orders

FOLDER = "gallery"
KINDS = ("frame", "page", "text", "lists", "forms", "figures")

_NOON = dt.datetime(2026, 3, 7, 12, 0, 5, tzinfo=dt.UTC)
_REFERENCE = "8c1f2e44-99d0-4d5b-8e8e-0f2f4d1b7f3a"
_HREF = f"https://api-engage-eu.sitecorecloud.io/v2.1/orderConsumers/{_REFERENCE}"
_CHOICES = [("mr", "Mr"), ("dr", "Dr")]


@dataclass(frozen=True, slots=True)
class Example:
    """A component, by folder and name, and the template that shows its states."""

    name: str
    template: str


def examples() -> tuple[Example, ...]:
    """The example of each component, by kind and name."""
    folder = Path(settings.BASE_DIR) / "templates" / FOLDER
    return tuple(
        Example(f"{kind}/{path.stem}", f"{FOLDER}/{kind}/{path.name}")
        for kind in KINDS
        for path in sorted((folder / kind).glob("*.html"))
    )


def data() -> dict[str, Any]:
    """What the examples show, by the names in their templates."""
    wrong_entry = Entry.bound(_WRONG_ENTRY, ("Loyalty", "ProfileSystem"))
    wrong_entry.is_valid()
    wrong_fields = Fields(
        {"wrong-email": "w@", "wrong-born": "31 2 1991", "wrong-contact": "fax"}, prefix="wrong"
    )
    wrong_fields["phone"].warnings.append("06 12 34 56 78 is not a valid number in Ireland.")  # type: ignore[attr-defined]  # a PortalBoundField
    return {
        "messages_of_each_level": [Message(level, f"A message: {name}") for level, name in _LEVELS.items()],
        "everybody": SimpleNamespace(is_authenticated=True, has_perm=lambda _permission: True),
        "on_submissions": SimpleNamespace(resolver_match=SimpleNamespace(view_name="history:submissions")),
        "panels": [
            *((str(one), one.label) for one in Outcome),
            ("warning", "Warning"),
            ("information", "Information"),
        ],
        "outcomes": [*Outcome],
        "icons": [*Outcome, "warning", "information", "copy", "calendar", "differs"],
        "errors_of_a_form": [
            FieldError("", "Enter the last name"),
            FieldError("#", "Date of birth must be before today"),
        ],
        "events": _EVENTS,
        "one_value": ["Aoife"],
        "two_values": ["w@example.com", "a.very.long.mailbox@a-long-domain-name.example.com"],
        "chips": [Chip("Outcome", "Created", "#"), Chip("Only failures and denials", "", "#")],
        "days": Days(),
        "wrong_days": Days(
            {"wrong-days-since": "x", "wrong-days-until": "7 March 2026"}, prefix="wrong-days"
        ),
        "record": _RECORD,
        "links": [
            orders.Link("Consumer address", _HREF, own=True),
            orders.Link("Order address", "http://elsewhere.example.com/orders/1", own=False),
        ],
        "submissions": _SUBMISSIONS,
        "submission_columns": list_columns(),
        "sorted_columns": [
            ListColumn("time", "Time", url="#", sorted="descending"),
            *list_columns(("consumer", "consumer_ref", "guest_ref", "reason")),
        ],
        "audit_lines": _AUDIT_LINES,
        "compared": _COMPARED,
        "fields": Fields(initial={"name": "Aoife Ní Bhriain", "contact": "phone", "agreed": True}),
        "wrong_fields": wrong_fields,
        "entry": wrong_entry,
        "required_fields": frozenset({"emails"}),
        "columns": list(
            islice(ExportForm(with_personal=False, values={"show_person": "on"}).plain_rows(), 3)
        ),
        "numbers": [figures.Number("1,204", "#"), figures.Number("12"), figures.Number("0")],
        "bar_lines": _BAR_LINES,
        "over_time": _over_time(),
        "headline": _HEADLINE,
    }


class Fields(PortalForm):
    """A field of each kind."""

    use_required_attribute = False

    name = forms.CharField(
        label="Last name",
        help_text="As in the passport",
        error_messages={"required": "Enter the last name"},
    )
    email = forms.EmailField(
        label="Email address", error_messages={"invalid": "Enter an email address such as name@example.com"}
    )
    phone = forms.CharField(label="Phone number (optional)", required=False)
    password = forms.CharField(label="Password", required=False, widget=forms.PasswordInput)
    born = DayField(label="Date")
    title = forms.ChoiceField(label="Title", choices=_CHOICES, required=False)
    contact = forms.ChoiceField(
        label="Contact",
        choices=[("phone", "By phone"), ("email", "By email")],
        widget=forms.RadioSelect,
        help_text="How the person wants to be contacted",
        error_messages={"invalid_choice": "Choose how to contact the person"},
    )
    note = forms.CharField(label="Note", required=False, widget=forms.Textarea(attrs={"rows": 3}))
    agreed = forms.BooleanField(
        label="I compared it in Sitecore CDP", error_messages={"required": "Confirm that you compared it"}
    )


class Days(PortalForm):
    """The fields of a filter."""

    since = DayField(label="From")
    until = DayField(label="Until")


_LEVELS = {
    constants.INFO: "information",
    constants.SUCCESS: "success",
    constants.WARNING: "warning",
    constants.ERROR: "error",
}
_WRONG_ENTRY = {
    "token": str(uuid.UUID(int=0)),
    "emails-TOTAL_FORMS": "2",
    "emails-INITIAL_FORMS": "0",
    "emails-0-value": "w@example.com",
    "emails-1-value": "w@",
    "phone_numbers-TOTAL_FORMS": "0",
    "phone_numbers-INITIAL_FORMS": "0",
    "identifiers-TOTAL_FORMS": "2",
    "identifiers-INITIAL_FORMS": "0",
    "identifiers-0-provider": "Loyalty",
    "identifiers-0-id": "LP 20 4417",
    "identifiers-1-provider": "ProfileSystem",
    "identifiers-1-id": "",
}
_EVENTS = [
    TimelineItem(_NOON, "Sent to Sitecore CDP", "Sam Staff", Outcome.SENDING),
    TimelineItem(_NOON, "Outcome unknown: no answer arrived in time", "", Outcome.UNKNOWN),
    TimelineItem(_NOON, "Receipt opened", "Sue Supervisor", ""),
    TimelineItem(_NOON, "Marked as created", "Sue Supervisor", Outcome.CREATED),
]
_RECORD = [
    orders.Row("Order number", ("HTL-204417",)),
    orders.Row("Order reference", (_REFERENCE,), mono=True, copy="order reference"),
    orders.Row("Guest reference", (_REFERENCE,), mono=True, url="#"),
    orders.Row("Ordered at", moment=_NOON),
    orders.Row("Email addresses", ("w@example.com", "aoife@example.com")),
]
_SUBMISSIONS = [
    SubmissionLine(
        url="#",
        submitted_at=_NOON,
        person="Sam Staff",
        consumer="" if outcome == Outcome.SENDING else "Wilhelmina van den Oudenhoven",
        order_ref=_REFERENCE,
        outcome=outcome,
        duration="" if outcome == Outcome.SENDING else "0.42 s",
        note="Created, to be checked" if outcome == Outcome.CREATED else "",
    )
    for outcome in (Outcome.SENDING, Outcome.CREATED, Outcome.UNKNOWN)
]
_AUDIT_LINES = [
    audit.Line(
        url="#",
        at=_NOON,
        who="Sam Staff",
        action="Order consumer created",
        shape="",
        outcome="",
        object="Order 2d7de9df…",
        object_title=_REFERENCE,
        object_url="#",
        origin="192.0.2.17",
    ),
    audit.Line(
        url="",
        at=None,
        who="A visitor",
        action="Page without permission",
        shape="not_sent",
        outcome="Denied",
        object="",
        object_title="",
        object_url="",
        origin="",
    ),
]
_COMPARED = [
    Compared("First name", ("Aoife",), ("Aoife",), differs=False),
    Compared("Last name", ("Ní Bhriain",), ("NI BHRIAIN",), differs=True, notes=("Blanks removed",)),
    Compared("Email addresses", ("w@example.com", "aoife@example.com"), (), differs=True),
    Compared("Country", (), ("Ireland",), differs=False),
]
_BAR_LINES = [
    figures.Line("under 0.2 s", "100", "80", figures.Number("1,204", "#")),
    figures.Line("0.2 to 0.4 s", "40", "10", figures.Number("481", "#")),
    figures.Line("over 0.4 s", "0", "0", figures.Number("0")),
]


_HEADLINE = HeadlinePage(
    (
        Card("Submissions", figures.Number("1,204", "#"), figures.Number("1,098", "#"), "+10 %"),
        Card("Share created", figures.Number("91.2 %", "#"), figures.Number("–")),
        Card("Still unknown", figures.Number("0")),
    ),
    "Compared with 1 to 7 March 2026, the 7 days directly before.",
    "14 March 2026 is not over: its numbers are incomplete.",
)


def _over_time() -> figures.TimePlot:
    counts = {Outcome.CREATED: (9, 4, 0, 12, 7), Outcome.REJECTED: (1, 0, 0, 3, 2)}
    days = range(5)
    strips = tuple(
        figures.Strip(
            outcome,
            figures.Number(str(sum(of_days)), "#"),
            f"peak {max(of_days)}",
            str(max(of_days)),
            tuple(
                figures.Box(
                    slot=day * figures.SLOT,
                    left=day * figures.SLOT + figures.GAP,
                    top=str(figures.HEIGHT - height),
                    height=str(height),
                    url="#",
                    text=f"{of_days[day]} on day {day + 1}",
                    is_incomplete=day == days[-1],
                )
                for day in days
                if (height := figures.HEIGHT * of_days[day] // max(of_days))
            ),
        )
        for outcome, of_days in counts.items()
    )
    rows = tuple(
        figures.Row(
            f"{day + 1} March 2026",
            tuple(
                figures.Number(str(count), "#" if count else "")
                for count in (
                    sum(of_days[day] for of_days in counts.values()),
                    *(of_days[day] for of_days in counts.values()),
                )
            ),
        )
        for day in days
    )
    return figures.TimePlot(
        title="Per day",
        column="Day",
        total=figures.Number("38", "#"),
        span="1 to 5 March 2026",
        width=figures.FEWEST_SLOTS * figures.SLOT,
        strips=strips,
        axis=("1 March", "5 March"),
        units="Submissions per day",
        rows=rows,
    )


@require_GET
def components(request: HttpRequest) -> HttpResponse:
    """The gallery of components."""
    # Without the session's own warning: an example shows it.
    context = {"session_seconds": None, "examples": examples(), **data()}
    return render(request, "gallery/page.html", context)
