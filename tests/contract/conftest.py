"""Servers and certificates as in the unit tests of the client."""

from __future__ import annotations

from tests.support.scripted_servers import serve as serve  # noqa: PLC0414  # a fixture is used by being in this module
