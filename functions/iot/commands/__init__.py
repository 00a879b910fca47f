"""Commands to devices, and what became of them (CONTRACT section 10)."""
