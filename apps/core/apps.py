from django.apps import AppConfig

from apps.core import readiness


class CoreConfig(AppConfig):
    name = "apps.core"
    label = "core"

    def ready(self) -> None:
        from apps.core import signs  # noqa: PLC0415  # models are not there yet at import

        readiness.register("worker", signs.worker_is_alive)
