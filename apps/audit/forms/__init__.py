"""The forms of the audit log's pages."""
