"""What the import contracts cannot say, because Django is no root package of ours."""

from __future__ import annotations

from tests.sweeps.source import APPS, imports_of, modules, relative

KNOWS_NO_REQUEST = {"services.py", "selectors.py", "models.py", "identity_rules.py"}
SERVICE_PACKAGES = {"models", "reconciliation", "sending"}
OF_REQUESTS = ("django.http", "django.shortcuts", "django.template", "django.contrib.messages")


def _inner_modules() -> list[str]:
    return [
        relative(path)
        for path in modules()
        if (path.name in KNOWS_NO_REQUEST and path.parent.parent == APPS)
        or (path.parent.name in SERVICE_PACKAGES and path.parent.parent.parent == APPS)
    ]


def test_the_inner_layers_are_found() -> None:
    found = {*_inner_modules()}
    assert {"apps/consumers/sending/submit.py", "apps/consumers/reconciliation/resolution.py"} <= found
    assert {"apps/consumers/selectors.py", "apps/consumers/identity_rules.py"} <= found
    assert len(found) >= 28


def test_services_selectors_and_models_know_no_request() -> None:
    wrong = [
        f"{relative(path)} imports {name}"
        for path in modules()
        if relative(path) in _inner_modules()
        for name in imports_of(path)
        if name.startswith(OF_REQUESTS)
    ]
    assert wrong == []


def test_no_module_is_called_after_nothing() -> None:
    empty_names = {"utils.py", "helpers.py", "common.py", "misc.py"}
    assert [relative(path) for path in modules(APPS.parent / "tests") if path.name in empty_names] == []
    assert [relative(path) for path in modules() if path.name in empty_names] == []


def test_the_admin_site_is_not_installed() -> None:
    from django.conf import settings

    assert "django.contrib.admin" not in settings.INSTALLED_APPS  # it would write past record()
