"""A file that is sent as a download while it is made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.http import HttpRequest, StreamingHttpResponse

ZIP_CONTENT_TYPE = "application/zip"


def download(parts: Iterable[bytes | str], *, file_name: str, content_type: str) -> StreamingHttpResponse:
    """The response that streams the parts and has the browser store them under ``file_name`` (ASCII)."""
    response = StreamingHttpResponse(parts, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return response


def ends_with_connection(request: HttpRequest) -> bool:
    """Whether a download without a length ends where the connection does, as over HTTP/1.0 (RFC 9112, 6.3).

    An incomplete file then looks complete, unless the file itself says where it ends.
    """
    return bool(request.META.get("SERVER_PROTOCOL") == "HTTP/1.0")


def dated_name(stem: str, now: dt.datetime, extension: str) -> str:
    """A file name with the time (UTC), such as ``audit-proof_20260307T090500Z.zip``."""
    return f"{stem}_{now:%Y%m%dT%H%M%SZ}.{extension}"
