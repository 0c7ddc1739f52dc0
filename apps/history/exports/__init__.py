"""Exports of submissions: the record of an export, the file while it is made, and its delivery."""
