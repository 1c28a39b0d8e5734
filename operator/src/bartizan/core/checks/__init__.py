"""One file per admission check: the Python function and its CEL twin."""
