"""Process start-up: settings, telemetry, kopf as event source, wiring."""
