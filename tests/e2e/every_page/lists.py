"""Lists of people."""

from __future__ import annotations

from playwright.sync_api import Page

from apps.batches.models import Batch, BatchState, OwnState, PauseReason
from apps.batches.sending import control
from sandbox.data.seed import SAMPLE_ORDER
from tests.e2e.every_page.form import save_drafts
from tests.e2e.every_page.seen import Seen, Steps, after, at
from tests.e2e.traces import TYPED
from tests.e2e.world import World
from tests.support.batch_sending import checked_batch, confirmed_batch, people, take_turn
from tests.support.people import acting

PERSON = f"Aoife\tNí {TYPED['listed last name']}\t1980-02-03\t{TYPED['listed mailbox']}@example.com"
LISTED = f"First name\tLast name\tDate of birth\tEmail\n{PERSON}"
TWINS = f"{LISTED}\n{PERSON.replace('@', '.2@')}"
FAULTY = f"{LISTED}\nBen\t\t1980-13-03\tnobody"
ASKED = LISTED.replace("Last name", "Zwxy").replace("1980-02-03", "03/02/1980")


def _list_uploaded(table: str, then: str = "") -> Steps:
    """The page after a table was pasted, or after the button ``then`` of that page."""

    def steps(page: Page, world: World) -> None:
        page.goto(f"/batches/new/?order={SAMPLE_ORDER}")
        page.get_by_label("Paste a table").fill(table)
        with page.expect_navigation():
            page.get_by_role("button", name="Read the table").click()
        if then:
            with page.expect_navigation():
                page.get_by_role("button", name=then).click()

    return steps


def _list(address: str, *, sent: int, state: BatchState = BatchState.SENDING) -> Steps:
    """The page of a list of three people, of whom this many were sent."""

    def steps(page: Page, world: World) -> None:
        others = 10 * Batch.objects.count()  # nobody is in two lists
        batch = confirmed_batch(world.staff, people(3, first=others))
        for _ in range(sent):
            take_turn(batch)
        if state == BatchState.PAUSED:
            Batch.objects.filter(pk=batch.pk).update(
                state=state, pause_reason=PauseReason.SEVERAL_UNKNOWN, due_at=None
            )
        if state == BatchState.STOPPED:
            control.stop(batch, actor=acting(world.staff))
        page.goto(f"/batches/{batch.public_id}/{address}")

    return steps


def _list_with_warnings(page: Page, world: World) -> None:
    _list_uploaded(TWINS)(page, world)
    with page.expect_navigation():
        page.get_by_role("button", name="Confirm the ticked warnings").click()


def _row_with_errors(page: Page, world: World) -> None:
    _list_uploaded(FAULTY)(page, world)
    page.get_by_role("link", name="Correct the first row").click()


def _start_with_drafts(page: Page, world: World) -> None:
    save_drafts(world)
    page.goto("/")


def _row_sent_already(page: Page, world: World) -> None:
    batch = checked_batch(world.staff, people(1, first=900))
    batch.rows.update(state=OwnState.ALREADY_SENT, earlier=world.created.public_id)
    page.goto(f"/batches/{batch.public_id}/rows/2/")
    with page.expect_navigation():
        page.get_by_role("button", name="Make this row ready to be sent again").click()


PAGES = [
    at("batches:batches", "staff", "/batches/", "without a list"),
    at("batches:new", "staff", f"/batches/new/?order={SAMPLE_ORDER}"),
    after("batches:new", "staff", "/batches/new/", "Read the table", "with errors"),
    Seen("batches:columns", "staff", _list_uploaded(ASKED), "to be chosen"),
    Seen("batches:columns", "staff", _list_uploaded(ASKED, "Check the rows"), "with errors"),
    Seen("batches:batch", "staff", _list_uploaded(LISTED), "ready"),
    Seen("batches:batch", "staff", _list_uploaded(FAULTY), "with errors"),
    Seen("batches:accept", "staff", _list_with_warnings, "with warnings"),
    Seen("batches:row", "staff", _row_with_errors, "with errors"),
    Seen("batches:release", "staff", _row_sent_already, "sent already"),
    Seen("batches:batch", "staff", _list("", sent=1), "being sent"),
    Seen("batches:batch", "staff", _list("", sent=1, state=BatchState.PAUSED), "paused"),
    Seen("batches:batch", "staff", _list("", sent=1, state=BatchState.STOPPED), "stopped"),
    Seen("batches:batch", "staff", _list("", sent=4), "finished"),
    Seen("batches:batch", "staff", _list("?show=unknown", sent=4), "without a row"),
    at("batches:batches", "staff", "/batches/", "with lists"),
    Seen("start", "staff", _start_with_drafts, "with lists and drafts"),
    Seen("batches:batch", "supervisor", _list("", sent=2), "of another person"),
    at("batches:batches", "supervisor", "/batches/", "of everybody"),
    at("batches:batches", "supervisor", "/batches/?person=x", "with errors"),
]
