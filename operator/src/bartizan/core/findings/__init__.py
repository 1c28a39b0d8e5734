"""What is wrong with objects that no cluster has seen yet: the same rules as the API server's, on files."""
