from django.apps import AppConfig


class BatchesConfig(AppConfig):
    name = "apps.batches"
    label = "batches"

    def ready(self) -> None:
        from apps.audit.registry import RecordPage, register_page  # noqa: PLC0415  (once the apps are ready)
        from apps.audit.registry import register as register_events  # noqa: PLC0415  (likewise)
        from apps.batches.audit_events import EVENTS  # noqa: PLC0415  (likewise)
        from apps.batches.permissions import CONTROL_ALL_BATCHES  # noqa: PLC0415  (likewise)
        from apps.batches.personal_data import PERSONAL  # noqa: PLC0415  (likewise)
        from apps.batches.presenters.open_work import open_work_of, stopped_work_of  # noqa: PLC0415  (likewise)
        from apps.core.open_work import register as register_open_work  # noqa: PLC0415  (likewise)
        from apps.core.personal_data import register as register_personal_data  # noqa: PLC0415  (likewise)

        register_events(EVENTS)
        register_page("batch", RecordPage("batches:batch", CONTROL_ALL_BATCHES))
        for definition in PERSONAL:
            register_personal_data(definition)
        register_open_work(self.label, open_work_of, stopped_work_of)
