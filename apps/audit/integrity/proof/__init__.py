"""What leaves the portal as proof of the audit log, and the program that checks it elsewhere."""
