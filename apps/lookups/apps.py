from django.apps import AppConfig


class LookupsConfig(AppConfig):
    name = "apps.lookups"
    label = "lookups"

    def ready(self) -> None:
        from apps.audit.registry import register  # noqa: PLC0415  (models load after the apps)
        from apps.lookups.audit_events import EVENTS  # noqa: PLC0415  (likewise)

        register(EVENTS)
