"""The form for the next traveller of an order: what is carried over, and who was added today."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import Promise

from apps.consumers.fields import FIELD_LABELS
from apps.consumers.models import Submission
from apps.consumers.preferences import CARRIED
from apps.consumers.presenters.lists import SubmissionLine, consumer_name, line
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

    ``chosen``: the names of the chosen fields, separated by blanks.
    """

    person: str
    fields: tuple[CarriedField, ...]
    chosen: str


@dataclass(frozen=True, slots=True)
class AddedLine:
    """A submission to the order of today. ``is_own``: the reader sent it."""

    line: SubmissionLine
    copy_url: str
    is_own: bool


def next_traveller_url(order_ref: str, like: Submission) -> str:
    """The address of the form for another consumer of the order, filled from a submission.

    It contains references only, no personal data.
    """
    return f"{reverse('consumers:new')}?{urlencode({'order': order_ref, 'like': like.public_id})}"


def carry_over_choice(like: Submission, names: Collection[str]) -> CarryOverChoice:
    """The choice of fields to carry over from a submission. ``names``: the chosen ones."""
    fields = [CarriedField(f"carry-{name}", FIELD_LABELS[name], is_chosen=name in names) for name in CARRIED]
    chosen = " ".join(name for name in CARRIED if name in names)
    return CarryOverChoice(person=consumer_name(like), fields=tuple(fields), chosen=chosen)


def added_lines(order_ref: str, submissions: Iterable[Submission], viewer: Viewer) -> tuple[AddedLine, ...]:
    """Submissions to an order, each with the address that copies it into the form."""
    return tuple(
        AddedLine(line(one), next_traveller_url(order_ref, one), str(one.actor_id) == viewer.person_id)
        for one in submissions
    )
