"""How static files are stored for production."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class PortalStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # ships no types
    """Hashed names also inside the imports of our ES modules, so that no browser mixes two versions."""

    support_js_module_import_aggregation = True
