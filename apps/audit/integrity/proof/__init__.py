"""The downloadable proof of the audit log, and the stand-alone program that verifies it."""
