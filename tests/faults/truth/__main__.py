"""Measure what reconciliation concludes in random cases: `python -m tests.faults.truth --cases 500`."""

from __future__ import annotations

import os

import django

if __name__ == "__main__":
    os.environ["PORTAL_MODE"] = "practice"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consumerportal.settings")
    django.setup()
    from tests.faults.truth.measure import measure

    measure()
