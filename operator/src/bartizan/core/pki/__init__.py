"""When and what to issue: certificate decisions as pure functions."""
