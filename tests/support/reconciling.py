"""Lose the answer of a create, and check the order for the consumer."""

from __future__ import annotations

import datetime

from django.http import HttpResponse
from django.test import Client

from apps.cdp.consumers import NewConsumer
from apps.cdp.factory import get_client
from apps.consumers.models import Outcome, Submission
from apps.consumers.reconciliation import checks
from apps.core.actor import Actor
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.data.store import StoredConsumer
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import FULL, create_anyway, on_page, posted, text

NEW = "/consumers/new/"
WORKER = Actor.system("worker")

# What the receipt says before the first check: whether a check could prove the consumer.
WOULD_MARK = "If a new consumer matches every returned field, this is marked as created."
A_SUPERVISOR_DECIDES = "A supervisor then decides"


def lost(
    client: Client,
    sandbox: SandboxServer,
    consumer: NewConsumer = FULL,
    *,
    done: bool = True,
    anyway: bool = False,
) -> Submission:
    """A create whose answer is lost, after or before the work was done; ``anyway``: in spite of warnings."""
    sandbox.sandbox.faults.arm(Armed("reset_after" if done else "reset_before"))
    post = create_anyway if anyway else _post
    assert post(client, posted(consumer)).status_code == 303
    submission = Submission.objects.latest("id")
    assert submission.outcome == Outcome.UNKNOWN
    return submission


def _post(client: Client, values: dict[str, str]) -> HttpResponse:
    return client.post(NEW, values)  # type: ignore[return-value]  # the client's own class


def run_check() -> bool:
    """Run the check that is due first, as the worker does; whether there was one."""
    return checks.run_due_check(actor=WORKER, client=get_client())


def make_due(submission: Submission) -> None:
    """Let the next check of the submission be due now."""
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=1)
    Submission.objects.filter(pk=submission.pk).update(next_check_at=past)


def only(sandbox: SandboxServer) -> StoredConsumer:
    """The only consumer of the order, as the sandbox has it."""
    [consumer] = sandbox.sandbox.consumers(SAMPLE_ORDER)
    return consumer


def names_without_filling_in(client: Client, submission: Submission, ref: str) -> None:
    """The receipt names a consumer that may not be new, and does not call it new."""
    response = client.get(f"/submissions/{submission.public_id}/")
    page = text(response)
    assert "On the order, and matches every returned field:" in page
    assert ref in page
    assert "New on the order since the send" not in page
    assert on_page(response)["created-consumer_ref"] == ""


def check(client: Client, submission: Submission) -> str:
    """Press Check now; returns the text of the page after it."""
    response = client.post(f"/submissions/{submission.public_id}/check/", follow=True)
    assert response.status_code == 200
    return text(response)
