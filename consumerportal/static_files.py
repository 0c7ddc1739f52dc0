"""The one static file of django-htmx that pages load."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import django_htmx
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage, Storage

HTMX = "django_htmx/htmx-2.min.js"


class HtmxFinder(BaseFinder):
    """Finds htmx 2 only: an extension in the same package imports a file that does not exist."""

    def __init__(self, *_arguments: Any, **_named: Any) -> None:
        self.storage = FileSystemStorage(location=str(Path(django_htmx.__path__[0]) / "static"))

    def check(self, **_kwargs: Any) -> list[Any]:
        """No settings to check."""
        return []

    def find(self, path: str, find_all: bool = False, **_kwargs: Any) -> Any:
        """The path of the file, or a list of it; an empty list for any other."""
        found = self.storage.path(HTMX) if path == HTMX else []
        return [found] if find_all and found else found

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, Storage]]:
        """The file and its storage."""
        yield HTMX, self.storage
