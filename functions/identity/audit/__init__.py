"""The audit trail (CONTRACT section 3)."""
