"""The person who asks, and their submissions; a submission of somebody else is a recorded denial."""

from __future__ import annotations

import uuid

from django.http import HttpRequest

from apps.consumers import selectors
from apps.consumers.models import Submission
from apps.consumers.permissions import VIEW_ALL_SUBMISSIONS
from apps.consumers.viewer import Viewer
from apps.core.web.permissions import PermissionMissing


def person_id(request: HttpRequest) -> int:
    """The id of the signed-in person."""
    return int(Viewer.of(request.user).person_id)


def find_submission(request: HttpRequest, public_id: uuid.UUID) -> Submission | None:
    """The submission; None if it does not exist.

    Raises :class:`PermissionMissing` if the person may not see it, so that the audit log shows who asked for
    it.
    """
    found = selectors.find_visible(public_id, Viewer.of(request.user))
    if found is None and selectors.exists(public_id):
        raise PermissionMissing(VIEW_ALL_SUBMISSIONS, submission=str(public_id))
    return found
