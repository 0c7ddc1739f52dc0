"""Files are stored for signed-in people only, and only where the view says that it takes them.

Django parses a multipart body as soon as anything asks for ``request.POST``. The CSRF check does so before
the sign-in is checked, and by then Django's own handlers would have written the files to the disk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest
from django.urls import Resolver404, resolve

View = TypeVar("View", bound=Callable[..., Any])
_MARK = "takes_files_up_to"


class FileRefused(SuspiciousOperation):
    """The request brings a file that nobody takes. It is answered with 400; nothing of the file is stored."""


def takes_files(*, up_to: int) -> Callable[[View], View]:
    """Mark a view that takes files of ``up_to`` bytes in all. Without the mark every file is refused."""

    def decorate(view: View) -> View:
        setattr(view, _MARK, up_to)
        return view

    return decorate


class GuardingUploadHandler(FileUploadHandler):
    """The first upload handler: refuses every file unless the view takes files and the person is signed in.

    Raises :class:`FileRefused`, and ``RequestDataTooBig`` (413) for more bytes than the view takes, before a
    later handler stores the part that exceeds the limit.
    """

    def handle_raw_input(
        self,
        input_data: Any,
        META: Any,  # noqa: N803  # Django's name
        content_length: int,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Read the view's limit, and refuse what must exceed it before anything is read."""
        self.received = 0
        self.limit = _limit(self.request) if self.request is not None else 0
        fields: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if self.limit and content_length > self.limit + fields:
            raise RequestDataTooBig("More bytes than the view takes")

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Refuse a file before its first byte is stored."""
        super().new_file(*args, **kwargs)
        if not self.limit or self.request is None or not self.request.user.is_authenticated:
            raise FileRefused("A file for a view that takes none")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Count the bytes of all files of the request, and pass them on."""
        self.received += len(raw_data)
        if self.received > self.limit:
            for handler in self.request.upload_handlers if self.request is not None else ():
                handler.upload_interrupted()  # the file that is being stored is removed
            raise RequestDataTooBig("More bytes in files than the view takes")
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Leave the file to the handlers that store."""


def _limit(request: HttpRequest) -> int:
    """The bytes that the request's view takes in files; 0 for a view without the mark."""
    match = request.resolver_match
    if match is None:  # the body is read before the view was looked up
        try:
            match = resolve(request.path_info)
        except Resolver404:
            return 0
    return int(getattr(match.func, _MARK, 0))
