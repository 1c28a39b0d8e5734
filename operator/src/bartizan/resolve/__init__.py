"""Asks the cluster's DNS for names outside of it."""
