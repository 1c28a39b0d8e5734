"""Process start-up: settings, telemetry, wiring."""
