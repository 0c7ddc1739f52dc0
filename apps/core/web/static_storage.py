"""Storage of static files in production, and the check that the files of every page exist."""

from __future__ import annotations

from typing import Any

from django.contrib.staticfiles.storage import HashedFilesMixin, staticfiles_storage
from whitenoise.storage import CompressedManifestStaticFilesStorage

PAGE_FILES = (
    "img/mark.svg",
    "bootstrap/bootstrap.min.css",
    "css/tokens.css",
    "css/portal.css",
    "css/forms.css",
    "css/components.css",
    "css/print.css",
    "js/portal.js",
)
"""Files that every page loads (``templates/base.html``)."""


class PortalStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # ships no types
    """Uses hashed names also in the imports of ES modules, so that a browser never mixes two versions."""

    support_js_module_import_aggregation = True


def page_files_are_there() -> bool:
    """Whether :data:`PAGE_FILES` have an address and, with hashed names, exist on disk. Used for readiness.

    Without ``collectstatic``, or after that of another release, every page would fail.
    """
    storage: Any = staticfiles_storage  # a lazy object of the configured class
    hashed = isinstance(storage, HashedFilesMixin)
    try:
        for name in PAGE_FILES:
            storage.url(name)
            if hashed and not storage.exists(storage.stored_name(name)):
                return False
    except ValueError:  # not in the manifest
        return False
    return True
