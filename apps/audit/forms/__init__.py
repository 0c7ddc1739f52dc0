"""Forms of the audit log's pages."""
