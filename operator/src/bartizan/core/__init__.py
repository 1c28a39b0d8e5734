"""Pure decisions: observed state in, plans and verdicts out. No clock, no I/O, no randomness."""
