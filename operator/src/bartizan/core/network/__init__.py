"""What a policy's network section means, and the NetworkPolicies that say it."""
