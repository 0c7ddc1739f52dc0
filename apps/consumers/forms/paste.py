"""The paste box of the form: what was posted for it, and the form's values after "Fill in"."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from django.conf import settings
from django.http import QueryDict

from apps.consumers.forms.flat_values import rows_of, with_rows
from apps.consumers.forms.lists import LISTS
from apps.consumers.paste.cells import Problem
from apps.consumers.paste.columns import IDENTIFIER_PROVIDER, PROVIDER_PREFIX, is_target
from apps.consumers.paste.proposal import Item, Proposal
from apps.consumers.paste.rows import MAX_COLUMNS
from apps.core import dates
from apps.core.forms.input import conflicting_names

TEXT = "paste_text"
"""The name of the box."""
BUTTON = "paste"
"""The name of its buttons; their values are those of :class:`PasteAction`."""
_OTHER_BUTTONS = frozenset({"add", "remove", "check"})
"""The buttons of the form that send nothing, so that the box may keep its text."""


class PasteAction(enum.Enum):
    """What a POST asks for."""

    READ = "read"
    FILL = "fill"
    DISCARD = "discard"
    SEND = "send"
    """Create was pressed while the box has a text. Nothing is sent until it is filled in or discarded."""


@dataclass(frozen=True, slots=True, repr=False)
class PastePost:
    """What was posted for the paste box. ``targets`` is None unless a preview of a row was posted."""

    action: PasteAction
    text: str
    targets: tuple[str, ...] | None
    values: Mapping[str, str]

    @classmethod
    def read(cls, values: QueryDict, providers: tuple[str, ...]) -> PastePost | None:
        """The post for the box; None if the post is about something else.

        ``providers``: the identifier providers on offer; a column can go to the identifiers of one of them.
        """
        if conflicting_names(values):
            return None
        text, button = values.get(TEXT, ""), values.get(BUTTON, "")
        try:
            action = PasteAction(button)
        except ValueError:
            if not text.strip() or not _OTHER_BUTTONS.isdisjoint(values):
                return None
            action = PasteAction.SEND
        targets = None if action is PasteAction.READ else _posted_targets(values, providers)
        return cls(action, text, targets, values)

    @classmethod
    def kept(cls, values: QueryDict, providers: tuple[str, ...]) -> PastePost | None:
        """The text and what was chosen in its preview, if another button was pressed; None without one."""
        if conflicting_names(values) or seen_name(0) not in values:
            return None
        targets = _posted_targets(values, providers)
        return cls(PasteAction.READ, values.get(TEXT, ""), targets, values)

    def is_used(self, index: int, item: Item) -> bool:
        """Whether the person wants this item filled in: a ticked box, one of its choices, or a new field."""
        if item.choices:
            return self.choice(index) in item.choices
        return self.is_ticked(index) or self._is_newly_chosen(index, item)

    def choice(self, index: int) -> str:
        """The chosen one of an item's choices; empty if none was chosen."""
        return self.values.get(choice_name(index), "")

    def saw(self, index: int, item: Item) -> bool:
        """Whether the person knows what filling in does with this item.

        Either the posted preview showed it at this field beside this value of the form, or nothing is filled
        in, or a column that was left out goes to an empty field, as it was shown. Half an identifier
        has to be shown first with the other half.
        """
        as_shown = self.has_choice_for(index, item, self.values)
        return as_shown or not item.target or self._is_newly_chosen(index, item)

    def has_choice_for(self, index: int, item: Item, values: Mapping[str, str]) -> bool:
        """Whether the posted preview showed exactly this item beside these values of the form."""
        return self.values.get(seen_name(index)) == fingerprint(item, values)

    def is_ticked(self, index: int) -> bool:
        """Whether the box of the item was ticked."""
        return bool(self.values.get(use_name(index)))

    def _is_newly_chosen(self, index: int, item: Item) -> bool:
        """Whether the preview left this column out, and its text goes unchanged to an empty field."""
        left_out = Item(item.source, item.text, problem=Problem.NO_FIELD)
        return (
            item.is_usable
            and not item.pair
            and item.values == (item.text,)
            and not item.notes
            and not present_value(item, self.values)
            and self.has_choice_for(index, left_out, self.values)
        )


def _posted_targets(values: QueryDict, providers: tuple[str, ...]) -> tuple[str, ...] | None:
    if field_name(0) not in values:
        return None
    names = [values.get(field_name(index)) for index in range(MAX_COLUMNS)]
    posted = [name for name in names if name is not None]
    return tuple(name if is_target(name, providers) else "" for name in posted)


def field_name(index: int) -> str:
    """The name of the select with the field of a column."""
    return f"paste-{index}-field"


def use_name(index: int) -> str:
    """The name of the box that says whether an item is filled in."""
    return f"paste-{index}-use"


def choice_name(index: int) -> str:
    """The name of the select with the choices of an item."""
    return f"paste-{index}-choice"


def seen_name(index: int) -> str:
    """The name of the hidden field with the fingerprint of what the preview showed."""
    return f"paste-{index}-seen"


def fingerprint(item: Item, values: Mapping[str, str]) -> str:
    """Differs if the item, its field, its other half or the field's present value differs.

    For comparison within one page.
    """
    pair = (item.pair, item.partner)
    shown = repr((item.text, item.target, item.values, item.choices, pair, present_value(item, values)))
    return hashlib.sha256(shown.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def present_value(item: Item, values: Mapping[str, str]) -> str:
    """What the form has in the field that the item would replace; empty for a list, to which it is added."""
    return "" if item.is_list or not item.target else values.get(item.target, "").strip()


def is_present(item: Item, values: Mapping[str, str]) -> bool:
    """Whether the form already has the values of the item, so that nothing would change."""
    if item.choices or not item.is_usable:
        return False
    if item.target in LISTS:
        rows = {row["value"].strip().casefold() for row in rows_of(values, item.target)}
        return all(value.casefold() in rows for value in item.values)
    if item.is_list:
        return False
    [value] = item.values
    present = present_value(item, values)
    if item.target == "passport_number":  # sent in upper case
        return value.upper() == present.upper()
    return value == present or (item.target == "date_of_birth" and _same_day(value, present))


def _same_day(one: str, other: str) -> bool:
    month_first = settings.DATE_ORDER == "month-day"
    with suppress(ValueError):
        return dates.read_date(one, month_first=month_first) == dates.read_date(
            other, month_first=month_first
        )
    return False


@dataclass(frozen=True, slots=True, repr=False)
class Filled:
    """The form's values after "Fill in", the names of the filled controls, and the used and unused items."""

    values: dict[str, str]
    names: tuple[str, ...]
    used: tuple[Item, ...]
    left_out: tuple[Item, ...]


def fill(post: PastePost, proposal: Proposal) -> Filled | None:
    """The values of the form with the chosen items; the box is empty afterwards.

    None if the preview that the person saw is not this one, because a column, the text or the form has
    changed since: then nothing may be filled in before the new preview was seen.
    """
    items = list(enumerate(proposal.items))
    if not all(post.saw(index, item) for index, item in items):
        return None
    values = without_paste(post.values)
    names: list[str] = []
    used, left_out = [], []
    identifiers: dict[str, dict[str, str]] = {}
    room = LISTS["identifiers"].absolute_max - len(rows_of(post.values, "identifiers"))
    for index, item in items:
        if not item.text:
            continue
        if not item.is_usable or not (post.is_used(index, item) or is_present(item, post.values)):
            left_out.append(item)
            continue
        chosen = (post.choice(index),) if item.choices else item.values
        if item.is_list and item.target not in LISTS:
            row = f"pair {item.pair}" if item.pair else f"column {index}"
            if row not in identifiers and len(identifiers) >= room:
                left_out.append(replace(item, problem=Problem.NO_ROOM))
                continue
            identifiers[row] = identifiers.get(row, {}) | _half(item.target, chosen[0])
        elif is_present(item, post.values):
            pass
        elif item.target in LISTS:
            values, name = _with_values(values, item.target, chosen)
            names.append(name)
        else:
            values[item.target] = chosen[0]
            names.append(item.target)
        used.append(item)
    if identifiers:
        values, name = _with_identifiers(values, identifiers.values())
        names.append(name)
    return Filled(values, tuple(names), tuple(used), tuple(left_out))


def without_paste(values: Mapping[str, str]) -> dict[str, str]:
    """The form's values without those of the paste box."""
    return {name: value for name, value in values.items() if not name.startswith("paste")}


def _with_values(values: dict[str, str], prefix: str, more: tuple[str, ...]) -> tuple[dict[str, str], str]:
    """The values with more rows in a list of single values, and the name of the first new control.

    A value that the list has is not added again. If there are more than the list can show, the last row has
    all further values, and the form reports it.
    """
    rows = [row for row in rows_of(values, prefix) if row["value"].strip()]
    present = {row["value"].strip().casefold() for row in rows}
    new = [value for value in dict.fromkeys(more) if value.casefold() not in present]
    first = min(len(rows), LISTS[prefix].absolute_max - 1)
    rows += [{"value": value} for value in new]
    if len(rows) > LISTS[prefix].absolute_max:
        last = LISTS[prefix].absolute_max - 1
        rows[last:] = [{"value": ", ".join(row["value"] for row in rows[last:])}]
    return with_rows(values, prefix, rows), f"{prefix}-{first}-value"


def _half(target: str, text: str) -> dict[str, str]:
    """The part of an identifier that a column fills: both halves, if the column is named like a provider."""
    if target.startswith(PROVIDER_PREFIX):
        return {"provider": target.removeprefix(PROVIDER_PREFIX), "id": text}
    return {"provider" if target == IDENTIFIER_PROVIDER else "id": text}


def _with_identifiers(
    values: dict[str, str], more: Iterable[Mapping[str, str]]
) -> tuple[dict[str, str], str]:
    """The values with more identifiers, and the name of the first new control.

    A row without one of its halves stays incomplete, and the form reports it.
    """
    rows = [row for row in rows_of(values, "identifiers") if any(text.strip() for text in row.values())]
    first = len(rows)
    rows += [{"provider": "", "id": "", **row} for row in more]
    return with_rows(values, "identifiers", rows), f"identifiers-{first}-provider"
