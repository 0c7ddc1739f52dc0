"""Exporting submissions: the record of an export, the file while it is made, and its way to the reader."""
