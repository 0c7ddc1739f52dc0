"""The paste box of the form: read a pasted text, fill it in, discard it. Nothing is sent to the vendor."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.http import QueryDict

from apps.cdp.fields import NAMES
from apps.consumers.forms.entry import Entry
from apps.consumers.forms.paste import TEXT, PasteAction, PastePost, fill, without_paste
from apps.consumers.forms.posted import posted_token
from apps.consumers.paste.column_orders import remember_columns
from apps.consumers.paste.mrz_lines import NotReadable
from apps.consumers.paste.proposal import Proposal
from apps.consumers.paste.reading import read_paste
from apps.consumers.paste.rows import NotOneRow
from apps.consumers.presenters.paste import (
    NOTHING_PASTED,
    PasteBox,
    asks_to_look,
    fault_text,
    filled_labels,
    left_out_lines,
    preview_of,
)
from apps.core.actor import Actor

_ORDER = ("order_ref", *NAMES)


@dataclass(frozen=True, slots=True)
class Pasted:
    """The form after the paste box was used, with its token unchanged, and the box."""

    entry: Entry
    box: PasteBox


def answer_paste(values: QueryDict, providers: tuple[str, ...], actor: Actor) -> Pasted | None:
    """The answer to a POST in which the box was used; None if it is about something else."""
    post = PastePost.read(values, providers)
    if post is None:
        return None
    form = without_paste(values)
    if post.action is PasteAction.DISCARD:
        return Pasted(_entry(form, providers), PasteBox())
    if not post.text.strip():
        return Pasted(_entry(form, providers), PasteBox(error=str(NOTHING_PASTED)))
    try:
        proposal = read_paste(post.text, person_id=actor.id, providers=providers, targets=post.targets)
    except (NotReadable, NotOneRow) as fault:
        box = PasteBox(post.text, error=fault_text(fault), unsent=post.action is PasteAction.SEND)
        return Pasted(_entry(form, providers), box)
    if post.action is PasteAction.FILL:
        return _fill(post, proposal, providers, actor)
    unsent = post.action is PasteAction.SEND
    chosen = post if unsent else None
    preview = preview_of(proposal, form, providers, chosen=chosen)
    return Pasted(_entry(form, providers), PasteBox(post.text, preview=preview, unsent=unsent))


def kept_box(values: QueryDict, entry: Entry, actor: Actor) -> PasteBox:
    """The box after another button of the form: its text, and the preview with what was chosen in it."""
    box = PasteBox(values.get(TEXT, ""), is_answer=False)
    post = PastePost.kept(values, entry.providers)
    if post is None or not post.text.strip():
        return box
    try:
        proposal = read_paste(post.text, person_id=actor.id, providers=entry.providers, targets=post.targets)
    except (NotReadable, NotOneRow):
        return box  # changed since the preview; Read says why
    preview = preview_of(proposal, without_paste(entry.values), entry.providers, chosen=post)
    return replace(box, preview=preview)


def _fill(post: PastePost, proposal: Proposal, providers: tuple[str, ...], actor: Actor) -> Pasted:
    filled = fill(post, proposal)
    if filled is None:
        form = without_paste(post.values)
        preview = preview_of(proposal, form, providers, chosen=post, changed=True)
        return Pasted(_entry(form, providers), PasteBox(post.text, preview=preview))
    is_mrz = proposal.mrz_format is not None
    if post.targets and not proposal.has_headers:
        remember_columns(post.targets, actor=actor)
    entry = _entry(filled.values, providers)
    looks = asks_to_look(filled, is_mrz=is_mrz)
    if not looks:
        first = min(filled.names, key=lambda name: _ORDER.index(name.partition("-")[0]))
        entry.focus(first)
    left_out = left_out_lines(filled, is_mrz=is_mrz)
    box = PasteBox(filled=filled_labels(filled), left_out=left_out, asks_to_look=looks)
    return Pasted(entry, box)


def _entry(values: dict[str, str], providers: tuple[str, ...]) -> Entry:
    return Entry.unbound(values, providers, token=posted_token(values))
