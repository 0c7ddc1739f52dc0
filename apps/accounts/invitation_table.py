"""Read a pasted table of people to invite, and find every problem of every line."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models.functions import Lower
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.forms import NewPersonForm
from apps.accounts.models import User
from apps.accounts.roles import GRANTS, LABELS
from apps.accounts.services import NewPerson
from apps.audit.events import MAX_ITEMS
from apps.core.text import similar_key

MAX_INVITED = MAX_ITEMS
"""People of one table: as many as one event can name."""
COLUMNS = ("name", "username", "email", "role")
_HEADERS = {
    "name": "name",
    "full name": "name",
    "user name": "username",
    "username": "username",
    "email": "email",
    "e-mail": "email",
    "email address": "email",
    "e-mail address": "email",
    "role": "role",
    "roles": "role",
}


@dataclass(frozen=True, slots=True)
class InvitedRow:
    """One line of the table. ``cells``: as pasted, by column; ``person``: None if there are ``errors``."""

    line: int
    cells: Mapping[str, str]
    errors: tuple[str, ...]
    person: NewPerson | None


class TooManyPeopleError(Exception):
    """The table has more than ``MAX_INVITED`` people: ``found``."""

    def __init__(self, found: int) -> None:
        super().__init__(found)
        self.found = found


class _RowForm(NewPersonForm):
    """The rules of a new person, without a query for each line."""

    def clean_username(self) -> str:
        return str(self.cleaned_data["username"])


def read_table(text: str, *, with_taken: bool = False) -> list[InvitedRow]:
    """The lines of a pasted table: tabs, semicolons or commas, with or without a line of headings.

    Empty lines are left out. Line numbers are those of the pasted text.
    ``with_taken``: a user name that somebody has is not an error. Raises :class:`TooManyPeopleError`.
    """
    lines = text.split("\n")
    # That of the first line: a comma may be in a name, and between roles.
    first = next((line for line in lines if line.strip()), "")
    delimiter = max("\t;,", key=first.count)
    found = [(number, _cells(line, delimiter)) for number, line in enumerate(lines, start=1) if line.strip()]
    columns: Sequence[str] = COLUMNS
    if found and all(similar_key(cell) in _HEADERS for cell in found[0][1]):
        columns = [_HEADERS[similar_key(cell)] for cell in found[0][1]]
        found = found[1:]
    if len(found) > MAX_INVITED:  # before a form for each of them
        raise TooManyPeopleError(len(found))
    usernames = [cells[columns.index("username")] for _n, cells in found if _has(columns, cells)]
    taken = set() if with_taken else _taken(usernames)
    first_line: dict[str, int] = {}
    return [_row(number, cells, columns, taken, first_line) for number, cells in found]


def _has(columns: Sequence[str], cells: Sequence[str]) -> bool:
    return "username" in columns and columns.index("username") < len(cells)


def _cells(line: str, delimiter: str) -> list[str]:
    # One line at a time: a quotation mark in a name cannot join lines.
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return [cell.strip() for cell in line.split(delimiter)]


def _taken(usernames: Sequence[str]) -> set[str]:
    """Those of the user names that exist, in lower case."""
    wanted = {name.lower() for name in usernames if name.isascii()}
    lower = User.objects.annotate(lower=Lower("username")).filter(lower__in=wanted)
    return set(lower.values_list("lower", flat=True))


def _row(
    line: int, cells: Sequence[str], columns: Sequence[str], taken: set[str], first_line: dict[str, int]
) -> InvitedRow:
    if len(cells) > len(columns):
        text = ngettext("The line has %(found)s column", "The line has %(found)s columns", len(cells))
        text = _("%(text)s; there are %(wanted)s") % {
            "text": text % {"found": len(cells)},
            "wanted": len(columns),
        }
        return InvitedRow(line, dict(zip(columns, cells, strict=False)), (text,), None)
    by_name = dict.fromkeys(COLUMNS, "") | dict(zip(columns, cells, strict=False))
    roles, errors = _roles(by_name["role"])
    form = _RowForm({**by_name, "time_zone": "", "roles": roles})
    of_form = [str(error) for name in form.fields for error in form.errors.get(name, ())]
    username = by_name["username"].lower()
    if username and username in taken:
        of_form.append(_("Another person has the user name %(name)s") % {"name": by_name["username"]})
    if username and username in first_line:
        of_form.append(_("Line %(line)s has the same user name") % {"line": first_line[username]})
    first_line.setdefault(username, line)
    problems = (*of_form, *errors)
    return InvitedRow(line, by_name, problems, None if problems else form.to_new_person())


def _roles(text: str) -> tuple[list[str], list[str]]:
    """The roles of a cell, and what is wrong with it."""
    known = {similar_key(str(LABELS[name])): name for name in GRANTS} | {name: name for name in GRANTS}
    words = [word.strip() for word in text.replace("+", ",").replace("/", ",").split(",") if word.strip()]
    if not words:
        return [], [_("Enter a role")]
    unknown = [word for word in words if similar_key(word) not in known]
    if unknown:
        choices = ", ".join(str(label) for label in LABELS.values())
        return [], [
            _("No role is called %(word)s. Roles: %(roles)s") % {"word": unknown[0], "roles": choices}
        ]
    return [known[similar_key(word)] for word in words], []
