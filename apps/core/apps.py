from typing import Any

from django.apps import AppConfig
from django.core.signals import request_started
from django.db import DEFAULT_DB_ALIAS
from django.db.backends.signals import connection_created

from apps.core import clock, connections
from apps.core.web import readiness


class CoreConfig(AppConfig):
    name = "apps.core"
    label = "core"

    def ready(self) -> None:
        # Models and settings are not available at import.
        from apps.core import (  # noqa: PLC0415  (models)
            consumer_word,
            encryption,
            key_fingerprints,
            keys_in_use,
            machine_clocks,
        )
        from apps.core.web import static_storage  # noqa: PLC0415  (settings)

        def measure(connection: Any, **_: object) -> None:
            # Skip connections to the server's maintenance database, which Django uses to create others.
            if connection.alias == DEFAULT_DB_ALIAS and clock.measure_if_due(connection):
                machine_clocks.store_measurement()

        connection_created.connect(measure, weak=False, dispatch_uid="core.clock")
        request_started.connect(connections.forget_commits, dispatch_uid="core.connections")
        consumer_word.install()
        encryption.set_reader(keys_in_use.current)
        key_fingerprints.register_kind(key_fingerprints.ENCRYPTION)
        key_fingerprints.register_kind(key_fingerprints.DIGEST)
        readiness.register("static files", static_storage.page_files_are_there)
        readiness.register("key fingerprints", key_fingerprints.are_accepted)
