"""Queries for people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import Permission
from django.db.models import Q, QuerySet

from apps.accounts.models import PasswordLink, User
from apps.accounts.roles import ADMINISTRATOR, GRANTS
from apps.core import clock
from apps.core.actor import Actor, Origin


@dataclass(frozen=True, slots=True)
class Person:
    """A person with their roles, as a plain value."""

    id: int
    username: str
    name: str
    time_zone: str
    roles: tuple[str, ...]
    is_active: bool
    has_password: bool
    added_at: datetime
    last_signed_in_at: datetime | None
    sign_in_blocked_at: datetime | None


def people() -> list[Person]:
    """All people: active first, then by name."""
    users = User.objects.prefetch_related("groups").order_by("-is_active", "name", "pk")
    return [_person(user) for user in users]


def active_with(permission: str) -> QuerySet[User]:
    """The active people with a permission, such as ``consumers.view_figures``; a person may occur twice."""
    app_label, codename = permission.split(".")
    granted = Permission.objects.filter(content_type__app_label=app_label, codename=codename)
    return User.objects.filter(is_active=True, groups__permissions__in=granted)


def has_people() -> bool:
    """Whether any account exists."""
    return User.objects.exists()


def find_person(person_id: int) -> Person | None:
    """The person with this id, or None."""
    user = User.objects.prefetch_related("groups").filter(pk=person_id).first()
    return _person(user) if user else None


def find_account(person_id: int) -> User | None:
    """The account with this id, active or not; None if there is none."""
    return User.objects.filter(pk=person_id).first()


def find_by_username(username: str) -> User | None:
    """The account with this user name regardless of case, active or not; None if there is none."""
    user = User.objects.filter(username__iexact=username).first()
    # PostgreSQL folds more characters than Python's lower(): "ſ" equals "S" there.
    return user if user and user.username.lower() == username.lower() else None


LINK_NOTICE = timedelta(days=14)
"""For this long, each sign-in shows a person the links for their account, and administrators all links."""
USED_LINK_NOTICE = timedelta(days=90)
"""The same for a person whose link was used, from its use: they may have been away meanwhile."""


def links_to_announce(user: User) -> list[PasswordLink]:
    """The links by other people that a sign-in of this person announces, oldest first.

    They are announced at each sign-in within the time, not once: whoever used a link signs in as its person
    first. Administrators see everybody's links. Invitations are not announced.
    """
    now = clock.now()
    links = PasswordLink.objects.filter(invitation=False).exclude(issued_by=str(user.pk))
    announced = Q(person=user, used_at__gt=now - USED_LINK_NOTICE)
    recent = Q(issued_at__gt=now - LINK_NOTICE)
    announced |= recent if ADMINISTRATOR in user.roles else recent & Q(person=user)
    return list(links.filter(announced).select_related("person").order_by("pk"))


def actor_for(user: User, origin: Origin, *, session: str = "") -> Actor:
    """The person as an actor, for code in which ``request.user`` is not signed in yet or any more.

    ``session``: the id of their sign-in; empty if they act without one, such as with a one-time link.
    """
    return Actor(str(user.pk), user.get_full_name(), user.roles, origin, session)


def _person(user: User) -> Person:
    held = {group.name for group in user.groups.all()}
    return Person(
        id=user.pk,
        username=user.username,
        name=user.name,
        time_zone=user.time_zone,
        roles=tuple(name for name in GRANTS if name in held),
        is_active=user.is_active,
        has_password=user.has_usable_password(),
        added_at=user.date_joined,
        last_signed_in_at=user.last_login,
        sign_in_blocked_at=user.sign_in_blocked_at,
    )
