from django.apps import AppConfig

from apps.core import readiness


class CoreConfig(AppConfig):
    name = "apps.core"
    label = "core"

    def ready(self) -> None:
        from apps.core import key_fingerprints, signs  # noqa: PLC0415  # models are not there yet at import

        key_fingerprints.register_kind(key_fingerprints.ENCRYPTION)
        key_fingerprints.register_kind(key_fingerprints.DIGEST)
        readiness.register("key fingerprints", key_fingerprints.are_accepted)
        readiness.register("worker", signs.worker_is_alive)
