"""Who may receive the file of an export, and which running exports a change of their access ends."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import QuerySet

from apps.accounts.models import Session
from apps.accounts.selectors import find_account
from apps.consumers.permissions import EXPORT_PERSONAL_DATA, EXPORT_SUBMISSIONS, VIEW_ALL_SUBMISSIONS
from apps.core.actor import Actor
from apps.history.models import ACTIVE, Export


def permissions_for(export: Export) -> tuple[str, ...]:
    """The permissions that its person needs for the file, from its beginning to its end."""
    wanted = {
        EXPORT_SUBMISSIONS: True,
        EXPORT_PERSONAL_DATA: export.personal,
        VIEW_ALL_SUBMISSIONS: export.selection["everybody"],
    }
    return tuple(permission for permission, needed in wanted.items() if needed)


def has_access(export: Export, actor: Actor, session_hash: str) -> bool:
    """Whether the person may still receive the file: an export goes on for longer than its request.

    They still need the permissions, which a deactivated person does not have. ``session_hash``: of the person
    (``get_session_auth_hash``) in the request which started the export. If it is another by now, they have a
    new password or were signed out everywhere; then only an export of the session in which they did so
    themselves continues. Raises the database's errors.
    """
    person = find_account(export.person_id)  # read again: it caches its permissions
    if person is None or not person.has_perms(permissions_for(export)):
        return False
    if person.get_session_auth_hash() == session_hash:
        return True
    if not actor.session:
        return False
    return Session.objects.filter(person=export.person_id, sign_in=actor.session).exists()


def running_exports(person_id: int) -> int:
    """How many exports of the person are running."""
    return _running(person_id).count()


def running_exports_beyond(person_id: int, permissions: Collection[str]) -> int:
    """How many exports of the person are running that these permissions do not allow."""
    running = _running(person_id).only("selection", "personal")
    return sum(not {*permissions_for(export)} <= {*permissions} for export in running)


def _running(person_id: int) -> QuerySet[Export]:
    # Active exports have a slot, which has a small index.
    return Export.objects.filter(slot__gte=1, person=person_id, state__in=ACTIVE)
