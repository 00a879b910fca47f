"""OAuth applications and the consents given to them (document 1 section 5.1)."""
