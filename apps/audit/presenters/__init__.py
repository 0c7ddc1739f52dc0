"""Presenters of the audit log's pages."""
