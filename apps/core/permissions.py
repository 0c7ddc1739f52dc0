"""One way to guard a view, and one mark by which a sweep finds the views that are not guarded."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def requires(*permissions: str) -> Callable[[View[P]], View[P]]:
    """Guard a view: the person needs at least one of the permissions.

    Without any of them ``PermissionDenied`` is raised, which the portal's 403 page answers and records.
    Who is not signed in never comes here: ``SignInFirstMiddleware`` leads to the sign-in page first.
    """

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not any(request.user.has_perm(permission) for permission in permissions):
                raise PermissionDenied(" or ".join(permissions))
            return view(request, *args, **kwargs)

        guarded.required_permissions = permissions  # type: ignore[attr-defined]  # read by the sweep over all URLs
        return guarded

    return decorate
