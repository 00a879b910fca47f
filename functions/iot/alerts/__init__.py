"""Alerts that devices raise (CONTRACT section 10)."""
