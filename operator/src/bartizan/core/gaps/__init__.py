"""Named holes: what reaches a service, or lets it reach out, past what its policy declares."""
