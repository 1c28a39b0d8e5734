"""Storms of pods against a cluster in trouble: what is admitted, what is refused, and what should not have been."""
