from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "apps.orders"

    def ready(self) -> None:
        from apps.audit.registry import register  # noqa: PLC0415  (models load after the apps)
        from apps.orders.audit_events import EVENTS  # noqa: PLC0415  (likewise)

        register(EVENTS)
