"""Presenters of submissions, resolutions and identity rules: frozen values for the templates."""
