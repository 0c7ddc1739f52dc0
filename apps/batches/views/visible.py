"""Find a batch for the person who asks."""

from __future__ import annotations

import uuid

from django.http import Http404, HttpRequest

from apps.batches import selectors
from apps.batches.models import FINAL_STATES, Batch, BatchState
from apps.batches.permissions import CONTROL_ALL_BATCHES, SEND_BATCHES
from apps.consumers.views.visible import person_id
from apps.core.web.permissions import PermissionMissing


def find_batch(request: HttpRequest, batch_id: uuid.UUID) -> Batch:
    """The person's own batch, or with the permission anybody's.

    Raises ``Http404`` if there is none, and :class:`PermissionMissing` for another's, so that the audit log
    shows who asked for it.
    """
    sees_all = request.user.has_perm(CONTROL_ALL_BATCHES)
    batch = selectors.find_visible(batch_id, person_id(request), sees_all=sees_all)
    if batch is None and selectors.exists(batch_id):
        raise PermissionMissing(CONTROL_ALL_BATCHES, batch=str(batch_id))
    if batch is None:
        raise Http404
    return batch


def find_own(request: HttpRequest, batch_id: uuid.UUID) -> Batch:
    """The person's own batch, which they may change: nobody changes another's.

    Raises ``Http404`` if there is none, and :class:`PermissionMissing` for another's.
    """
    batch = find_batch(request, batch_id)
    if not may_edit(request, batch):
        raise PermissionMissing(batch=str(batch_id))  # whatever the person may do
    return batch


def may_edit(request: HttpRequest, batch: Batch) -> bool:
    """Whether the person may correct, confirm and send the rows: only the author."""
    return batch.author_id == person_id(request) and request.user.has_perm(SEND_BATCHES)


def may_choose_columns(batch: Batch) -> bool:
    """Whether the columns of the batch are to be chosen. An erased one has none."""
    return batch.erased_at is None and batch.state == BatchState.MATCHING


def may_change_rows(batch: Batch) -> bool:
    """Whether the state lets the author change rows: columns chosen, and neither stopped nor erased."""
    return batch.erased_at is None and batch.state not in (BatchState.MATCHING, *FINAL_STATES)


def may_control(request: HttpRequest, batch: Batch) -> bool:
    """Whether the person may pause, resume and stop: the author, and supervisors.

    These are all who can see it.
    """
    return may_edit(request, batch) or request.user.has_perm(CONTROL_ALL_BATCHES)
