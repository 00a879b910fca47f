"""What is said in KOOK's channels, on its way into the queue: as KOOK calls, and as it is asked."""
