"""Post a supervisor's resolution: the form, the confirmation page, or both."""

from __future__ import annotations

import datetime
import re
from typing import Any

from django.test import Client

from apps.accounts.models import User
from apps.cdp.consumers import NewConsumer, OrderConsumer
from apps.cdp.factory import get_client
from apps.consumers.models import Outcome, ResolutionReason, Submission
from apps.consumers.reconciliation import resolution
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import FULL, REF, Page, on_page, posted
from tests.support.people import acting

NOTE = "Marvin at Sitecore said so"
AS_CREATED = {"outcome": "created", "created-consumer_ref": REF, "created-reason": "seen_in_cdp"}
AS_NOT_CREATED = {"outcome": "not_created", "not_created-reason": "vendor_confirmed", "not_created-note": ""}


def receipt(submission: Submission) -> str:
    """The address of the receipt."""
    return f"/submissions/{submission.public_id}/"


def resolve_url(submission: Submission) -> str:
    """The address that the forms post to."""
    return f"{receipt(submission)}resolve/"


def seen(client: Client, submission: Submission) -> str:
    """The value of ``seen`` in the forms: the resolution that they were rendered for."""
    page = client.get(resolve_url(submission)).content.decode()
    found = re.search(r'name="seen" value="([^"]*)"', page)
    assert found is not None
    return found[1]


def enter(client: Client, submission: Submission, values: dict[str, str], **changes: str) -> Any:
    """Open the forms, enter these values and press the button; returns the response."""
    return client.post(resolve_url(submission), {"seen": seen(client, submission), **values, **dict(changes)})


def confirm(client: Client, submission: Submission, page: Page, *, compared: bool = True) -> Any:
    """Press Mark as created on the confirmation page. ``compared``: value of the check box, if any."""
    values = {**on_page(page), "step": "confirm"}
    if compared and 'name="created-compared"' in page.content.decode():
        values["created-compared"] = "yes"
    return client.post(resolve_url(submission), values)


def mark_created(client: Client, submission: Submission, ref: str = REF, **changes: str) -> Any:
    """Mark as created through both pages; returns the last response."""
    entered = enter(client, submission, {**AS_CREATED, "created-consumer_ref": ref, **changes})
    assert entered.status_code == 200, entered
    return confirm(client, submission, entered)


def lost_create(client: Client, sandbox: SandboxServer) -> Submission:
    """A create that was done but whose answer was lost."""
    sandbox.sandbox.faults.arm(Armed("reset_after"))
    assert client.post("/consumers/new/", posted()).status_code == 303
    submission = Submission.objects.latest("id")
    assert submission.outcome == Outcome.UNKNOWN
    return submission


def fresh(submission: Submission) -> Submission:
    """The row, read from the database again."""
    return Submission.objects.get(pk=submission.pk)


def add_elsewhere(consumer: NewConsumer = FULL, order: str = SAMPLE_ORDER) -> OrderConsumer:
    """Add a consumer as another system does, not through the portal."""
    deadline = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=30)
    return get_client().create_order_consumer(order, consumer, deadline=deadline).consumer


def created_with(ref: str, **changes: str) -> dict[str, str]:
    """The supervisor's entry to mark a submission as created with this reference and a note."""
    return {**AS_CREATED, "created-consumer_ref": ref, "created-note": NOTE, **changes}


def vendor_down(sandbox: SandboxServer) -> None:
    """Make every later list of consumers fail."""
    sandbox.sandbox.faults.arm(Armed("503_html_before", times=9, operation="list_order_consumers"))


def resolve(submission: Submission, person: User, outcome: Outcome = Outcome.CREATED, ref: str = REF) -> None:
    """Call the service directly, without the pages."""
    resolution.resolve(
        submission,
        outcome=outcome,
        reason=ResolutionReason.VENDOR_CONFIRMED,
        note="",
        actor=acting(person),
        consumer_ref=ref if outcome == Outcome.CREATED else "",
    )
