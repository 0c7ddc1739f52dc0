"""Measurements of the running portal, each a module with a ``main``. See README.md."""
