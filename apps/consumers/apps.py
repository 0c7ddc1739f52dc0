from django.apps import AppConfig
from django.core.checks import register


class ConsumersConfig(AppConfig):
    name = "apps.consumers"
    label = "consumers"

    def ready(self) -> None:
        from apps.consumers.checks import check_form_settings  # noqa: PLC0415  (once the apps are ready)

        register(check_form_settings)
