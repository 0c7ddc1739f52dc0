"""Uploads: files are stored only for signed-in people, and only for views that accept them.

Django parses a multipart body on the first access to ``request.POST``. The CSRF check does that before the
sign-in is checked, and Django's own upload handlers would then write the files to disk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest
from django.urls import Resolver404, resolve

View = TypeVar("View", bound=Callable[..., Any])
_ATTRIBUTE = "max_file_bytes"

MAX_BODY_BYTES = 10 * 1024 * 1024
"""Of one request, with files and fields. The web server process reads no larger body."""


class FileRefused(SuspiciousOperation):
    """The request contains a file that the view does not accept: a 400 page. The file is not stored."""


def accepts_files(*, up_to: int) -> Callable[[View], View]:
    """Let a view accept files of at most ``up_to`` bytes in total. Other views refuse every file."""

    def decorate(view: View) -> View:
        setattr(view, _ATTRIBUTE, up_to)
        return view

    return decorate


class GuardingUploadHandler(FileUploadHandler):
    """The first upload handler: refuses files unless the view accepts them and the person is signed in.

    Raises :class:`FileRefused`, and ``RequestDataTooBig`` (413) for more bytes than the view accepts, before
    a later handler stores the bytes above the limit.
    """

    def handle_raw_input(
        self,
        input_data: Any,
        META: Any,  # noqa: N803  # Django's name
        content_length: int,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Look up the view's limit. Raises ``RequestDataTooBig`` if the content length exceeds it."""
        self.received = 0
        self.limit = _limit(self.request) if self.request is not None else 0
        fields: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if self.limit and content_length > self.limit + fields:
            raise RequestDataTooBig("More bytes than the view accepts")

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Refuse a file before its first byte is stored.

        Of a visitor whose session has ended only the file is dropped: the fields come back after the sign-in.
        """
        super().new_file(*args, **kwargs)
        if not self.limit or self.request is None:
            raise FileRefused("A file for a view that accepts none")
        if not self.request.user.is_authenticated:
            raise SkipFile

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Count the bytes of all files of the request and pass them to the next handler."""
        self.received += len(raw_data)
        if self.received > self.limit:
            for handler in self.request.upload_handlers if self.request is not None else ():
                handler.upload_interrupted()  # the file that is being stored is removed
            raise RequestDataTooBig("More bytes in files than the view accepts")
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Return nothing: a later handler returns the file."""


def _limit(request: HttpRequest) -> int:
    """The total bytes of files that the request's view accepts; 0 if it accepts none."""
    match = request.resolver_match
    if match is None:  # the body is read before the address is resolved
        try:
            match = resolve(request.path_info)
        except Resolver404:
            return 0
    return int(getattr(match.func, _ATTRIBUTE, 0))
