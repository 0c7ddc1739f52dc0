"""Sealed entries: a form posted after the session ended, encrypted until its author signs in again.

The form contains a signed token of the person it was shown to (its author). If it arrives without a
session, nothing is done with its values: they are encrypted and stored in the visitor's new session. The
person who signs in there gets them back once, if the token is theirs. For any other person they are deleted.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.core import signing
from django.core.exceptions import SuspiciousOperation
from django.http import UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils.translation import gettext_lazy

from apps.core.encryption import NotReadableError, decrypt_from_text, encrypt_as_text

if TYPE_CHECKING:
    from django.http import HttpRequest

AUTHOR_FIELD = "entry_of"
DRAFT_OF_ANOTHER = gettext_lazy("Draft not saved: this page was opened by another person")
_SESSION_KEY = "sealed_entry"
_SALT = "apps.core.web.sealed_entries"
_UNREADABLE_BODY = (SuspiciousOperation, MultiPartParserError, UnreadablePostError)
_NOT_SEALED = frozenset({AUTHOR_FIELD, "csrfmiddlewaretoken"})


def author_token(request: HttpRequest) -> str:
    """The signed token of the signed-in person, for a hidden field named :data:`AUTHOR_FIELD`."""
    return signing.dumps(str(request.user.pk), salt=_SALT)


def author_of(request: HttpRequest) -> str:
    """The id of the person whose token the posted form contains; empty if it has no valid token."""
    try:
        return str(signing.loads(request.POST.get(AUTHOR_FIELD, ""), salt=_SALT))
    except signing.BadSignature:
        return ""


def is_of_another(request: HttpRequest) -> bool:
    """Whether the posted form was shown to another person than the one who is signed in now."""
    author = author_of(request)
    return bool(author) and author != str(request.user.pk)


def seal(request: HttpRequest) -> bool:
    """Encrypt the posted values into the session; False if the form has no valid token.

    Call it where the request is refused.
    """
    author = author_of(request)
    if not author:
        return False
    values = {name: value for name, value in request.POST.items() if name not in _NOT_SEALED}
    entry = json.dumps({"path": request.path, "values": values})
    request.session[_SESSION_KEY] = encrypt_as_text(entry, _SESSION_KEY, author)
    return True


def posted_fields(request: HttpRequest) -> list[tuple[str, str]]:
    """Names and values of a form with a valid token, as posted, for a page that posts them again.

    Empty for any other request and for a body that cannot be read. Does not use the database. The author is
    not compared: the values go back to the browser that has just sent them.
    """
    try:
        signing.loads(request.POST.get(AUTHOR_FIELD, ""), salt=_SALT)
    except (signing.BadSignature, *_UNREADABLE_BODY):
        return []
    return [(name, value) for name, values in request.POST.lists() for value in values]


def to_send_again(request: HttpRequest) -> dict[str, Any]:
    """The context of ``errors/send_again.html``, which posts the form again. See :func:`posted_fields`."""
    entry = posted_fields(request)
    return {"entry": entry, "had_file": bool(entry and request.FILES)}  # entry: the body can be read


def unseal(request: HttpRequest, *, path: str = "") -> dict[str, str] | None:
    """Remove the sealed entry from the session and return its values, or None if there is none.

    ``path`` is the address that the form posts to; by default the address of the request. An entry for
    another address stays in the session. An entry of another person is removed and not returned.
    """
    sealed = request.session.get(_SESSION_KEY)
    if sealed is None:
        return None
    try:
        entry = json.loads(decrypt_from_text(sealed, _SESSION_KEY, str(request.user.pk)))
    except NotReadableError:  # it belongs to another person, or its key has been removed since
        del request.session[_SESSION_KEY]
        return None
    if entry["path"] != (path or request.path):
        return None
    del request.session[_SESSION_KEY]
    return dict(entry["values"])
