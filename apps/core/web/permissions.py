"""The decorator that restricts a view to people with a permission. A test checks that every view has it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


class PermissionMissing(PermissionDenied):
    """The person has none of ``permissions``; the page requires at least one of them.

    ``submission``, ``batch``: the id of the submission or the list that the page is about, or empty.
    """

    def __init__(self, *permissions: str, submission: str = "", batch: str = "") -> None:
        super().__init__(*permissions)
        self.permissions = permissions
        self.submission = submission
        self.batch = batch


def requires(*permissions: str, submission: str = "", batch: str = "") -> Callable[[View[P]], View[P]]:
    """Restrict a view to people with at least one of the permissions.

    ``submission``, ``batch``: the name of the view's argument with the id of the submission or the list that
    the page is about, which the denial then names.

    For others the view raises :class:`PermissionMissing`, which the 403 handler records and answers.
    ``SignInFirstMiddleware`` has already redirected visitors who are not signed in.
    """

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not any(request.user.has_perm(permission) for permission in permissions):
                raise PermissionMissing(
                    *permissions,
                    submission=str(kwargs.get(submission, "")),
                    batch=str(kwargs.get(batch, "")),
                )
            return view(request, *args, **kwargs)

        guarded.required_permissions = permissions  # type: ignore[attr-defined]  # read by tests/sweeps/test_permissions.py
        return guarded

    return decorate
