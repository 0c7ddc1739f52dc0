from django.apps import AppConfig

from apps.core import readiness


class CoreConfig(AppConfig):
    name = "apps.core"
    label = "core"

    def ready(self) -> None:
        # Models and settings are not there yet at import.
        from apps.core import key_fingerprints, static_storage  # noqa: PLC0415

        key_fingerprints.register_kind(key_fingerprints.ENCRYPTION)
        key_fingerprints.register_kind(key_fingerprints.DIGEST)
        readiness.register("static files", static_storage.page_files_are_there)
        readiness.register("key fingerprints", key_fingerprints.are_accepted)
