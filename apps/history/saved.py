"""Saved views of the list: filters, order and columns under a name, for oneself or for a role."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from apps.accounts.models import User
from apps.accounts.roles import ROLES
from apps.audit.events import Event, Value
from apps.audit.recording import record
from apps.audit.registry import EventType
from apps.consumers.permissions import VIEW_ALL_SUBMISSIONS, VIEW_OWN_SUBMISSIONS
from apps.core.actor import Actor
from apps.history.audit_events import ANOTHER_VALUE, VIEW_CHANGED, VIEW_DELETED, VIEW_SAVED
from apps.history.models import SavedView
from apps.history.permissions import SHARE_VIEWS

ROLES_WITH_A_LIST: Final = tuple(
    role
    for role, permissions in ROLES.items()
    if not {VIEW_OWN_SUBMISSIONS, VIEW_ALL_SUBMISSIONS}.isdisjoint(permissions)
)
"""The roles that a view can be for."""
MAX_VIEWS: Final = 20
"""Maximum number of views of one person, and of one role."""


class Refused(ValueError):
    """The view was not stored."""


class NameTaken(Refused):
    """The person or the role has another view of this name."""


class SavedMeanwhile(Refused):
    """Another view of the person or the role became the default at the same moment."""


class PersonNotForRole(Refused):
    """A filter by person in a view for a role whose members see only their own submissions.

    Their list ignores the filter and would show their own submissions as another person's.
    """


class TooMany(Refused):
    """The person or the role has :data:`MAX_VIEWS` views."""


class ViewGone(LookupError):
    """The view was deleted meanwhile."""


@dataclass(frozen=True, slots=True)
class ViewChoice:
    """What a view is to be. ``query``: parameters of the list, without a search for personal data."""

    name: str
    query: Mapping[str, Sequence[str]]
    columns: Sequence[str]
    is_default: bool = False
    warn_above: int | None = None


def usable(person: User) -> list[SavedView]:
    """The person's own views, then those of their roles, by name."""
    mine = Q(owner=person.pk) | Q(role__in=person.roles, owner__isnull=True)
    return list(_in_order(SavedView.objects.filter(mine)))


def changeable(person: User) -> list[SavedView]:
    """The views that the person may change: their own, and those of every role with the permission."""
    mine = Q(owner=person.pk)
    if person.has_perm(SHARE_VIEWS):
        mine |= Q(owner__isnull=True)
    return list(_in_order(SavedView.objects.filter(mine)))


def find_usable(public_id: uuid.UUID, person: User) -> SavedView | None:
    """The view with this id; None if it does not exist, or is of another person or role."""
    return next((view for view in usable(person) if view.public_id == public_id), None)


def find_changeable(public_id: uuid.UUID, person: User) -> SavedView | None:
    """The view with this id; None if it does not exist or the person may not change it."""
    return next((view for view in changeable(person) if view.public_id == public_id), None)


def default_view(views: Sequence[SavedView], roles: Sequence[str]) -> SavedView | None:
    """The view that opens first: the person's own default, else that of their first role with one.

    ``views``: the person's usable views. ``roles``: in the order of the matrix.
    """
    defaults = {view.role: view for view in views if view.is_default}
    return next((defaults[role] for role in ("", *roles) if role in defaults), None)


@transaction.atomic
def save_view(choice: ViewChoice, *, role: str, actor: Actor) -> SavedView:
    """Save a new view for the actor, or for a role. Raises :class:`Refused`."""
    owner = None if role else int(actor.id)
    view = SavedView(owner_id=owner, role=role)
    if _of_the_same(view).count() >= MAX_VIEWS:
        raise TooMany
    _check(view, choice)
    with _conflict_is_a_refusal(view, choice), transaction.atomic():
        former = _store(view, choice)
    _record(VIEW_SAVED, view, actor, **_default_of(former, view))
    return view


@transaction.atomic
def change_view(view: SavedView, choice: ViewChoice, *, actor: Actor) -> None:
    """Change a view; it stays with its person or role. Raises :class:`Refused` and :class:`ViewGone`."""
    _check(view, choice)
    before = _locked(view)
    with _conflict_is_a_refusal(view, choice), transaction.atomic():
        former = _store(view, choice)
    _record_changes(view, actor, _changes(before, view) | _default_of(former, view))


@transaction.atomic
def change_columns(view: SavedView, columns: Sequence[str], *, actor: Actor) -> None:
    """Change the columns of a view, and nothing else. Raises :class:`ViewGone`."""
    before = _locked(view)
    view.columns = list(columns)
    SavedView.objects.filter(pk=view.pk).update(columns=view.columns)
    _record_changes(view, actor, _changes(before, view, only="columns"))


@transaction.atomic
def delete_view(view: SavedView, *, actor: Actor) -> None:
    """Delete a view. Raises :class:`ViewGone` if it does not exist any more; then nothing is recorded."""
    deleted, _of_each = SavedView.objects.filter(pk=view.pk).delete()
    if not deleted:
        raise ViewGone
    _record(VIEW_DELETED, view, actor)


def _check(view: SavedView, choice: ViewChoice) -> None:
    """Raises :class:`Refused`."""
    if "person" in choice.query and view.role and VIEW_ALL_SUBMISSIONS not in ROLES.get(view.role, ()):
        raise PersonNotForRole
    if _is_taken(view, choice.name):
        raise NameTaken


def _is_taken(view: SavedView, name: str) -> bool:
    return _of_the_same(view).exclude(pk=view.pk).filter(name=name).exists()


def _store(view: SavedView, choice: ViewChoice) -> SavedView | None:
    """Store the view. Returns the former default view if this view replaces it."""
    former = None
    if choice.is_default:
        defaults = _of_the_same(view).exclude(pk=view.pk).filter(is_default=True)
        former = defaults.select_for_update(no_key=True).first()
        defaults.update(is_default=False)
    stored = asdict(choice) | {
        "query": {name: list(values) for name, values in choice.query.items()},
        "columns": list(choice.columns),
    }
    # Not by save, which would create a deleted view again.
    if view.pk is not None and not SavedView.objects.filter(pk=view.pk).update(**stored):
        raise ViewGone
    for name, value in stored.items():
        setattr(view, name, value)
    if view.pk is None:
        view.save(force_insert=True)
    return former


@contextmanager
def _conflict_is_a_refusal(view: SavedView, choice: ViewChoice) -> Iterator[None]:
    """Raises :class:`Refused` if the constraints refuse a view that was saved since the check."""
    try:
        yield
    except IntegrityError:
        raise (NameTaken if _is_taken(view, choice.name) else SavedMeanwhile) from None


def _of_the_same(view: SavedView) -> QuerySet[SavedView]:
    """The views of the same person or role."""
    return SavedView.objects.filter(owner=view.owner_id) if view.owner_id else _of_role(view.role)


def _of_role(role: str) -> QuerySet[SavedView]:
    return SavedView.objects.filter(owner__isnull=True, role=role)


def _locked(view: SavedView) -> SavedView:
    """The stored view, locked until the transaction ends. Raises :class:`ViewGone`."""
    stored = SavedView.objects.select_for_update(no_key=True).filter(pk=view.pk).first()
    if stored is None:
        raise ViewGone
    return stored


def _changes(before: SavedView, after: SavedView, *, only: str = "") -> dict[str, Value]:
    """What an event says about each part of the view that is another one now. ``only``: one column."""
    found: dict[str, Value] = {}
    if before.name != after.name and not only:
        found["renamed"] = "yes"
    if before.query != after.query and not only:
        found["parameters_before"] = sorted(before.query)
        found["parameters_after"] = [
            f"{name}:{ANOTHER_VALUE}" if before.query.get(name, values) != values else name
            for name, values in sorted(after.query.items())
        ]
    if before.columns != after.columns:
        found |= {"columns_before": before.columns, "columns_after": after.columns}
    if before.is_default != after.is_default and not only:
        found |= {"default_before": _yes_no(before.is_default), "default_after": _yes_no(after.is_default)}
    if before.warn_above != after.warn_above and not only:
        found |= {"warn_above_before": before.warn_above, "warn_above_after": after.warn_above}
    return found


def _default_of(former: SavedView | None, view: SavedView) -> dict[str, Value]:
    """What an event says about the view that opened first before this one."""
    if former is None:
        return {}
    return {"default_view_before": str(former.public_id), "default_view_after": str(view.public_id)}


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"


def _in_order(views: QuerySet[SavedView]) -> QuerySet[SavedView]:
    return views.order_by(F("owner").asc(nulls_last=True), "role", "name")


def _record_changes(view: SavedView, actor: Actor, changes: dict[str, Value]) -> None:
    """Record that the view was changed; nothing if it was saved as it was."""
    if changes:
        _record(VIEW_CHANGED, view, actor, **changes)


def _record(event: EventType, view: SavedView, actor: Actor, **changes: Value) -> None:
    data: dict[str, Value] = {"view": str(view.public_id), "audience": view.role or "own"}
    if view.query:
        data["parameters"] = sorted(view.query)
    record(Event(event, actor, data=data | changes))
