"""Several submissions at the same time, over several processes: one send, and every page is true.

``AT_ONCE_ROUNDS=200 make test ARGS=tests/faults/test_at_once.py`` runs 200 rounds of two people who send the
same content, and with ``--postgresql`` in ARGS on PostgreSQL; the suite runs 20.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import pytest

from apps.cdp.consumers import NewConsumer
from tests.support.deployed import NEW, PATIENT, Person, Place, Portal, at_once, place, portal
from tests.support.entries import posted
from tests.support.http_browser import Answer
from tests.support.unique_entries import consumer
from tests.support.waiting import wait_until

# The portals use their own databases; the mark only determines their kind.
# PostgreSQL runs the transactions at the same time; SQLite lets one write after the other.
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.processes("postgresql"),
    pytest.mark.xdist_group("at once"),
]

ROUNDS = int(os.environ.get("AT_ONCE_ROUNDS", "20"))
TABS = 50
IMMEDIATELY = 3.0  # seconds, on a busy machine; a wait for the vendor would take minutes


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("at-once")) as prepared:
        yield prepared


@pytest.fixture(scope="module")
def four(there: Place) -> Iterator[Portal]:
    """A portal with four processes, each with threads for all calls of a test."""
    with portal(there, workers=4, threads=TABS + 20, **PATIENT) as started:
        yield started


@pytest.fixture(scope="module")
def sam(four: Portal) -> Person:
    return four.person("sam")


@pytest.fixture(scope="module")
def sue(four: Portal) -> Person:
    return four.person("sue")


def entry_of(new: NewConsumer, order: str) -> dict[str, str]:
    """The form data for this consumer, with a new token."""
    return posted(replace(new, gender="female"), order=order)


def is_over(page: Answer) -> bool:
    return "Consumer created" in page.text


# --- One form ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("held", [False, True], ids=["quick answer", "answer after all posts"])
def test_fifty_concurrent_posts_of_one_form_are_one_send_and_fifty_equal_receipts(
    there: Place, four: Portal, sam: Person, held: bool
) -> None:
    there.answer_after(0)
    order, before, blocked = there.order(), four.answered_by(), there.events("submission.repeat_blocked")
    entry = entry_of(consumer(), order)

    def others_are_blocked() -> bool:
        return there.events("submission.repeat_blocked") - blocked == TABS - 1

    with ThreadPoolExecutor(1) as together, ExitStack() as until_answered:
        answer = until_answered.enter_context(there.held_answers()) if held else None
        posts = together.submit(at_once, [lambda: sam.post(entry)] * TABS)
        if answer is not None:
            wait_until(others_are_blocked, 60, "all others are answered")
            answer()
        answers = posts.result()
    led_to = Counter(f"{a.status} {a.location}" if isinstance(a, Answer) else repr(a) for a in answers)
    assert len(led_to) == 1, led_to
    found = re.fullmatch(r"303 (/submissions/[0-9a-f-]{36}/)", next(iter(led_to)))
    assert found is not None, led_to
    receipt = found[1]
    assert len(there.creates(order)) == 1
    assert others_are_blocked()
    assert len(four.answered_by() - before) > 1, "One process alone answered"
    wait_until(lambda: is_over(sam.get(receipt)), 30, "the receipt tells the outcome")
    [created] = there.sandbox.sandbox.consumers(order)
    assert created.ref in sam.get(receipt).text


# --- Two people -------------------------------------------------------------------------------------
def test_two_concurrent_identical_entries_are_always_one_send(
    there: Place, four: Portal, sam: Person, sue: Person
) -> None:
    kinds: Counter[str] = Counter()
    for number in range(ROUNDS):
        there.answer_after(0.15 if number % 2 else 0)
        order, new = there.order(), consumer()
        answers = at_once([partial(who.post, entry_of(new, order)) for who in (sam, sue)])
        assert len(there.creates(order)) == 1, f"round {number}"
        kinds.update(kind_of_answer(answer) for answer in answers)
    print(f"{ROUNDS} rounds: {dict(kinds)}")
    assert kinds.pop("receipt") == ROUNDS
    assert set(kinds) <= {"being sent", "similar"}, kinds
    assert set(there.outcomes()) == {"created"}
    assert there.outcomes()["created"] == len(there.creates())


def kind_of_answer(answer: Answer | Exception) -> str:
    assert isinstance(answer, Answer), repr(answer)
    if answer.status == 303 and answer.location.startswith("/submissions/"):
        return "receipt"
    assert answer.status == 200, answer.status
    if "already sending this consumer." in answer.text:
        return "being sent"
    assert "Check before creating" in answer.text
    assert "The same consumer" in answer.text
    return "similar"


# --- More requests than capacity --------------------------------------------------------------------
def test_full_slots_refuse_the_next_send_immediately_and_pages_still_answer(there: Place) -> None:
    there.answer_after(0)
    with (
        portal(there, workers=1, threads=22, CDP_IN_FLIGHT="2", **PATIENT) as small,
        there.held_answers() as answer,
        ThreadPoolExecutor(1) as together,
    ):
        person = small.person("sam")
        waiting = [entry_of(consumer(), there.order()) for _ in range(2)]
        results = together.submit(at_once, [partial(person.post, entry) for entry in waiting])
        wait_until(lambda: all(there.creates(entry["order_ref"]) for entry in waiting), 30, "two are sent")
        receipt = there.submissions("sending")[0]
        entry = entry_of(consumer(), there.order())
        seconds = []
        for _ in range(3):
            began = time.monotonic()
            busy = person.post(entry)
            seconds.append(time.monotonic() - began)
            assert busy.status == 503
            assert "Nothing was sent: the portal is busy" in busy.text
            for name in ("token", "last_name", "passport_number", "emails-1-value", "identifiers-1-id"):
                assert entry[name] in busy.text
        for path, words in {NEW: "Create consumer", "/": "Sam Staff", "/submissions/": "Submissions"}.items():
            page = person.get(path)
            assert (page.status, words in page.text) == (200, True), path
        page = person.get(f"/submissions/{receipt}/")
        assert "being sent" in page.text
        assert not results.done(), "The pages waited for the vendor"
        assert min(seconds) < IMMEDIATELY
        assert there.creates(entry["order_ref"]) == []
        answer()
        assert [kind_of_answer(one) for one in results.result()] == ["receipt", "receipt"]
        assert kind_of_answer(person.post(entry)) == "receipt"
