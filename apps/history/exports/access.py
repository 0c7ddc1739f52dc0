"""Who may receive the file of an export, and which running exports a change of their access ends."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import QuerySet

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

    ``session_hash``: of the person (``get_session_auth_hash``) in the request which started the export.
    Raises the database's errors.
    """
    person = find_account(export.person_id)  # read again: it caches its permissions
    return person is not None and person.keeps_access(
        permissions_for(export), session_hash=session_hash, session=actor.session
    )


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
