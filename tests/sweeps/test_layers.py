"""Rules that the import contracts cannot express, because Django is not one of our root packages."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.source import APPS, ROOT, imports_of, modules, relative

OF_REQUESTS = ("django.http", "django.shortcuts", "django.template", "django.contrib.messages")
# The page layers: they read requests, answer them, or render.
OF_PAGES = re.compile(
    r"/((\w+_)?(views|forms|presenters|middleware|context_processors)\.py|(views|forms|presenters|templatetags)/)"
)
# Every other module is a service, a selector, a model or a plain value. These handle the request itself.
ABOUT_REQUESTS = {
    "apps/accounts/sign_in/adapter.py",
    "apps/accounts/sign_in/known_devices.py",
    "apps/accounts/redaction.py",
    "apps/accounts/sign_in/sessions.py",
    "apps/accounts/sign_in/limits.py",
    "apps/core/export/responses.py",
    "apps/core/web/back_links.py",
    "apps/core/web/failures.py",
    "apps/core/web/filters.py",
    "apps/core/web/lasting_access.py",
    "apps/core/web/sealed_entries.py",
    "apps/core/web/permissions.py",
    "apps/core/web/redirects.py",
    "apps/core/web/requests.py",
    "apps/core/web/sign_in_first.py",
    "apps/core/web/uploads.py",
}


def _inner_modules() -> list[Path]:
    found = [*modules(), *modules(ROOT / "consumerportal")]
    return [path for path in found if not OF_PAGES.search(relative(path))]


def test_services_selectors_models_and_values_do_not_use_requests() -> None:
    inner = _inner_modules()
    assert {"apps/consumers/sending/submit.py", "apps/audit/integrity/signing.py"} <= {*map(relative, inner)}
    found = {
        relative(path) for path in inner if any(name.startswith(OF_REQUESTS) for name in imports_of(path))
    }
    assert found == ABOUT_REQUESTS


def test_no_module_has_a_catch_all_name() -> None:
    empty_names = {"utils.py", "helpers.py", "common.py", "misc.py"}
    folders = [APPS, *(ROOT / name for name in ("benchmarks", "consumerportal", "sandbox", "tests"))]
    assert [relative(path) for under in folders for path in modules(under) if path.name in empty_names] == []


def test_admin_site_is_not_installed() -> None:
    from django.conf import settings

    assert "django.contrib.admin" not in settings.INSTALLED_APPS  # it would bypass record()


def test_sandbox_is_not_installed() -> None:
    from django.apps import apps

    assert "sandbox" not in {config.name.rpartition(".")[2] for config in apps.get_app_configs()}
