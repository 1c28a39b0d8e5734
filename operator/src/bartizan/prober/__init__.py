"""The proving process: probe pods in the services' own network, and the witness that stands outside."""
