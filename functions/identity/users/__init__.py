"""Users (CONTRACT section 3, in the style of document 3)."""
