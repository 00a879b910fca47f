"""Orders (CONTRACT, and the events of document 3)."""
