"""How static files are stored for production, and whether those of every page are there."""

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
"""What every page names (``templates/base.html``)."""


class PortalStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # ships no types
    """Hashed names also inside the imports of our ES modules, so that no browser mixes two versions."""

    support_js_module_import_aggregation = True


def page_files_are_there() -> bool:
    """Whether the files that every page names have an address, and (where names are hashed) are on the disk.

    Without ``collectstatic``, or with that of another release, every page would fail.
    """
    storage: Any = staticfiles_storage  # a lazy object of the configured class
    hashed = isinstance(storage, HashedFilesMixin)
    try:
        for name in PAGE_FILES:
            storage.url(name)
            if hashed and not storage.exists(storage.stored_name(name)):
                return False
    except ValueError:  # the manifest does not name it
        return False
    return True
