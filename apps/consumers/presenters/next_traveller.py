"""The form for the next traveller of an order: what is copied or carried over, and who was added today."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import Promise

from apps.consumers.copying import CopySource, submission_key
from apps.consumers.fields import FIELD_LABELS
from apps.consumers.models import Outcome, Submission
from apps.consumers.preferences import CARRIED
from apps.consumers.presenters.lists import SubmissionLine, consumer_name, lines
from apps.consumers.reconciliation.resolution import shown_outcome
from apps.consumers.viewer import Viewer


@dataclass(frozen=True, slots=True)
class CarriedField:
    """A field that may be carried over: the name of its check box, its label, and whether it is chosen."""

    name: str
    label: Promise
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class CarryOverChoice:
    """What to carry over, and from whom. ``person`` is empty if the consumer was erased.

    ``key``: what the form posts to name the person. ``chosen``: the names of the chosen fields, separated by
    blanks.
    """

    key: str
    person: str
    fields: tuple[CarriedField, ...]
    chosen: str


@dataclass(frozen=True, slots=True)
class AddedLine:
    """A submission whose details can be copied. ``key``: names it. ``is_own``: the reader sent it.

    ``outcome``: as the form states it, which is unknown for a stuck send.
    """

    line: SubmissionLine
    outcome: Outcome
    key: str
    is_own: bool


@dataclass(frozen=True, slots=True)
class CopyResult:
    """What was copied into the form. ``person`` is empty if they have no name.

    ``filled``, ``kept``: the labels of fields that were filled, and of those with another value that was
    typed. ``replace``: what the button posts to replace the latter. ``is_found``: False if the person is not
    known any more, or their details were erased or cannot be read.
    """

    person: str = ""
    filled: tuple[Promise, ...] = ()
    kept: tuple[Promise, ...] = ()
    replace: str = ""
    is_found: bool = True


NOT_COPIED = CopyResult(is_found=False)


def next_traveller_url(order_ref: str, source: Submission) -> str:
    """The address of the form for another consumer of the order, filled from a submission.

    It contains references only, no personal data. Without ``order_ref`` the order is left open.
    """
    return f"{reverse('consumers:new')}?{urlencode({'order': order_ref, 'like': source.public_id})}"


def carry_over_choice(source: CopySource, names: Collection[str]) -> CarryOverChoice:
    """The choice of fields to carry over from a person. ``names``: the chosen ones."""
    fields = [CarriedField(f"carry-{name}", FIELD_LABELS[name], is_chosen=name in names) for name in CARRIED]
    chosen = " ".join(name for name in CARRIED if name in names)
    return CarryOverChoice(source.key, person_name(source), tuple(fields), chosen)


def person_name(source: CopySource) -> str:
    """The name of a person whose details are copied; empty if the consumer was erased, or has none."""
    if source.submission is not None:
        return consumer_name(source.submission)
    consumer = source.consumer
    return f"{consumer.first_name} {consumer.last_name}".strip() if consumer else ""


def copy_result(source: CopySource, filled: Iterable[str], kept: Sequence[str]) -> CopyResult:
    """What the page says after details were copied. ``filled``, ``kept``: names of fields."""
    return CopyResult(
        person=person_name(source),
        filled=tuple(FIELD_LABELS[name] for name in filled),
        kept=tuple(FIELD_LABELS[name] for name in kept),
        replace=" ".join([*kept, source.key]),
    )


def sent_today_url(order_ref: str) -> str:
    """The list of submissions to this order since midnight."""
    return f"{reverse('history:submissions')}?{urlencode({'order': order_ref, 'period': 'today'})}"


def added_lines(submissions: Sequence[Submission], viewer: Viewer) -> tuple[AddedLine, ...]:
    """Submissions as rows, each with what the form posts to copy its details."""
    return tuple(
        AddedLine(line, shown_outcome(one), submission_key(one), str(one.actor_id) == viewer.person_id)
        for one, line in zip(submissions, lines(submissions), strict=True)
    )
