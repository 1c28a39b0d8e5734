"""The only door to the Kubernetes API: raw objects in, raw objects out."""
