"""Read pasted text, a machine-readable zone or a spreadsheet row, into a proposal for the form."""
