"""The filter form and the selection of a request, shared by all pages of the history."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from apps.accounts.models import User
from apps.consumers.permissions import VIEW_ALL_SUBMISSIONS
from apps.history.forms.filters import SubmissionFilterForm
from apps.history.selection import Selection


def filter_form(request: HttpRequest) -> SubmissionFilterForm:
    """The filter form of the address, with the fields that the reader may use."""
    return SubmissionFilterForm(request.GET, everybody=request.user.has_perm(VIEW_ALL_SUBMISSIONS))


def selection_of(form: SubmissionFilterForm, user: User | AnonymousUser) -> Selection:
    """The submissions that a valid form selects and the person may see."""
    return Selection(form.asked(), person_id=str(user.pk), everybody=user.has_perm(VIEW_ALL_SUBMISSIONS))
