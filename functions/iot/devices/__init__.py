"""Devices, their certificates and their shadows (CONTRACT section 10)."""
