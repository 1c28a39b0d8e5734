"""The admission server for what the API server's own policies cannot do."""
