"""What is written in KOOK, as other platforms show it. Pure: no calls, no items."""
