from django.apps import AppConfig


class HistoryConfig(AppConfig):
    name = "apps.history"
    label = "history"

    def ready(self) -> None:
        from apps.audit.registry import register  # noqa: PLC0415  (models load after the apps)
        from apps.core.personal_data import register as register_personal_data  # noqa: PLC0415  (likewise)
        from apps.history.audit_events import EVENTS  # noqa: PLC0415  (likewise)
        from apps.history.personal_data import PERSONAL  # noqa: PLC0415  (likewise)

        register(EVENTS)
        for definition in PERSONAL:
            register_personal_data(definition)
