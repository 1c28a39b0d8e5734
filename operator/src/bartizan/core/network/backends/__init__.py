"""What a cluster's network plugin can hold beyond NetworkPolicy, and what is written for it."""
