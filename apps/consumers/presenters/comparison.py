"""Compare what was sent with what the vendor returned, field by field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from apps.cdp.consumers import NewConsumer, OrderConsumer
from apps.consumers import labels
from apps.consumers.fields import FIELD_LABELS
from apps.consumers.presenters.fields import field_texts
from apps.consumers.reconciliation.matching import comparable


@dataclass(frozen=True, slots=True)
class Compared:
    """One field: the texts that were sent and returned, and whether they differ.

    ``notes``: how the sent value was normalised, if it is not as typed.
    """

    label: str
    sent: tuple[str, ...]
    came_back: tuple[str, ...]
    differs: bool
    notes: tuple[str, ...] = ()


def compared(
    sent: NewConsumer | None, answer: OrderConsumer | None, normalised: Iterable[object] = ()
) -> tuple[Compared, ...]:
    """Every field that was sent or returned, in the order of the form.

    ``normalised``: the codes of normalised values, from the event of the send.
    """
    return tuple(_compared(sent, answer, labels.normalisation_notes(normalised)))


def _compared(
    sent: NewConsumer | None, answer: OrderConsumer | None, notes: Mapping[str, Sequence[str]]
) -> Iterator[Compared]:
    for name, label in FIELD_LABELS.items():
        sent_texts, returned_texts = _texts(name, sent), _texts(name, answer)
        if sent_texts or returned_texts:
            differs = False
            # The vendor's documented answer has no identifiers, so missing identifiers are no difference.
            if answer is not None and (returned_texts or name != "identifiers"):
                differs = sent is None or comparable(name, sent) != comparable(name, answer)
            yield Compared(str(label), sent_texts, returned_texts, differs, tuple(notes.get(name, ())))


def _texts(name: str, person: NewConsumer | OrderConsumer | None) -> tuple[str, ...]:
    return field_texts(name, getattr(person, name)) if person is not None else ()
