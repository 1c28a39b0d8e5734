"""The custom resources as models: the one source of fields, defaults and rules."""
