"""Views of the audit log."""
