"""The events that refused pages record."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.test import RequestFactory

from apps.accounts.views.people import permission_denied
from apps.core.web.permissions import PermissionMissing
from tests.support.people import events

pytestmark = pytest.mark.django_db


def test_denial_records_the_permissions_of_a_typed_denial_and_no_other_text(rf: RequestFactory) -> None:
    request = rf.delete("/somewhere/")
    request.user = AnonymousUser()
    for denial in (
        PermissionDenied("Jane Doe may not"),
        PermissionMissing("consumers.view_figures", "audit.view_log"),
        PermissionDenied("audit.view_log"),
    ):
        assert permission_denied(request, denial).status_code == 403
    assert [event.details for event in events("access.denied")] == [
        {"permission": "", "method": "DELETE", "view": None},
        {"permission": "consumers.view_figures or audit.view_log", "method": "DELETE", "view": None},
        {"permission": "", "method": "DELETE", "view": None},
    ]
    assert all(event.actor_id is None for event in events("access.denied"))
