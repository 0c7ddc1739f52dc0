"""One way to guard a view, and one mark by which a sweep finds the views that are not guarded."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


class PermissionMissing(PermissionDenied):
    """The person has none of ``permissions``, of which the page needs one."""

    def __init__(self, *permissions: str) -> None:
        super().__init__(*permissions)
        self.permissions = permissions


def requires(*permissions: str) -> Callable[[View[P]], View[P]]:
    """Guard a view: the person needs at least one of the permissions.

    Without any of them :class:`PermissionMissing` is raised, which the portal's 403 page answers and records.
    A visitor who is not signed in is sent to the sign-in page before, by ``SignInFirstMiddleware``.
    """

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not any(request.user.has_perm(permission) for permission in permissions):
                raise PermissionMissing(*permissions)
            return view(request, *args, **kwargs)

        guarded.required_permissions = permissions  # type: ignore[attr-defined]  # read by the sweep over all URLs
        return guarded

    return decorate
