"""bartizan: one resource declares the security posture of one microservice; the operator holds it."""

__version__ = "0.1.0"
