"""A posted entry: what it is, and which entry is shown or sent."""

from __future__ import annotations

import uuid

import pytest
from django.http import QueryDict

from apps.consumers.forms.flat_values import rows_of
from apps.consumers.forms.posted import MAX_OFFERED, PostedChoice, PostedEntry, PostedKind
from tests.support.entries import FULL, posted


def query(values: dict[str, str], *more: tuple[str, str]) -> QueryDict:
    """The values as they arrive in a request; ``more`` are names that arrive again."""
    arrived = QueryDict(mutable=True)
    arrived.update(values)
    for name, value in more:
        arrived.appendlist(name, value)
    return arrived


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (query(posted()), PostedKind.VALID),
        (query(posted(), ("last_name", FULL.last_name)), PostedKind.VALID),
        (query(posted(last_name="")), PostedKind.INVALID),
        (query(posted(), ("last_name", "Other")), PostedKind.INVALID),
        (query(posted(), ("emails-0-value", "other@example.com")), PostedKind.INVALID),
        (query(posted(), ("token", "other")), PostedKind.CONFLICTING),
        (query(posted(accepted="a"), ("accepted", "b")), PostedKind.CONFLICTING),
        (query(posted(add="emails"), ("add", "phone_numbers")), PostedKind.CONFLICTING),
        (query(posted(), ("emails-TOTAL_FORMS", "0")), PostedKind.INCOMPLETE),
        (query(posted() | {"identifiers-TOTAL_FORMS": ""}), PostedKind.INCOMPLETE),
        (query(posted() | {"token": "none"}), PostedKind.INCOMPLETE),
        (query(posted(add="emails")), PostedKind.ROWS_CHANGED),
        (query(posted(remove="emails-0")), PostedKind.ROWS_CHANGED),
        (query(posted(last_name="", add="identifiers")), PostedKind.ROWS_CHANGED),
        (query(posted(add="token", remove="emails-one")), PostedKind.VALID),
    ],
)
def test_a_posted_entry_is_exactly_one_kind(values: QueryDict, kind: PostedKind) -> None:
    read = PostedEntry.read(values, ())
    assert read.kind is kind
    shows_errors = read.entry.form.is_bound
    assert shows_errors == (kind in (PostedKind.INVALID, PostedKind.VALID))
    is_damaged = kind in (PostedKind.INCOMPLETE, PostedKind.CONFLICTING)
    assert (read.entry.form["token"].value() == values["token"]) != is_damaged


@pytest.mark.parametrize(
    ("count", "words", "may_be_more"),
    [(MAX_OFFERED, [], False), (MAX_OFFERED, ["more"], True), (MAX_OFFERED + 1, [], True)],
)
def test_orders_offered_again_may_lack_some(count: int, words: list[str], may_be_more: bool) -> None:
    refs = [str(uuid.uuid4()) for _ in range(count)]
    choice = PostedChoice.read(
        {"order_ref": "B4LNDQ", "order_choice_for": "B4LNDQ", "order_choices": " ".join([*refs, *words])}
    )
    assert choice == PostedChoice("B4LNDQ", "", tuple(refs[:MAX_OFFERED]), may_be_more=may_be_more)


def test_a_pressed_button_changes_the_rows_of_its_list() -> None:
    added = PostedEntry.read(query(posted(add="emails")), ())
    assert [row["value"] for row in rows_of(added.values, "emails")] == [*FULL.emails, ""]
    removed = PostedEntry.read(query(posted(remove="emails-0")), ())
    assert [row["value"] for row in rows_of(removed.values, "emails")] == [*FULL.emails[1:]]


def test_a_new_token_leaves_the_values_as_they_were_posted() -> None:
    values = query(posted(first_name=" Ida "))
    entry = PostedEntry.read(values, ("ProfileSystem",)).with_new_token()
    assert entry.form["token"].value() != values["token"]
    assert entry.form["first_name"].value() == " Ida "
    assert entry.providers == ("ProfileSystem",)
