"""Shipped fakes and builders, so that nobody needs to mock the project's own code."""
