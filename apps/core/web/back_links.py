"""The address of the list that the reader came from, with its filters, for the link back to it.

It comes from the ``Referer`` header, so that the address of a record stays the same from every list.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from django.http import HttpRequest

_SESSION_KEY = "back_link"
_LONGEST = 4_000  # characters of a query; longer ones are ignored


def list_address(request: HttpRequest, path: str) -> str:
    """The list at ``path`` as the reader last saw it, or ``path``.

    The session remembers it, because after an act on the record the reader comes from the record itself.
    """
    try:
        came_from = urlsplit(request.headers.get("Referer", ""))
    except ValueError:
        return path
    if came_from.netloc == request.get_host() and came_from.path == path and len(came_from.query) <= _LONGEST:
        if request.session.get(_SESSION_KEY, "") != came_from.query:
            request.session[_SESSION_KEY] = came_from.query
        query = came_from.query
    elif came_from.netloc == request.get_host() and came_from.path.startswith(request.path):
        query = request.session.get(_SESSION_KEY, "")
    else:
        query = ""
    return f"{path}?{query}" if query else path
