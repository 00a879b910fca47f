"""How much there was to do at the support desk, how fast it was answered, and how satisfied customers were."""
