"""Starts the webhook's process with settings from the environment."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from bartizan.shell.logs import configure_logs
from bartizan.shell.settings import controller_settings, read_address
from bartizan.shell.wiring import first_refusal
from bartizan.webhook.service import serve
from bartizan.webhook.settings import WebhookSettings


def webhook_settings(environ: Mapping[str, str]) -> WebhookSettings:
    """Return the webhook's settings in `environ`.

    BARTIZAN_WEBHOOK_ADDRESS and BARTIZAN_WEBHOOK_CERT_DIR are its own; the rest it shares with the controller.

    Raises:
        SettingsError: a required variable is missing, or a value can't be used.
    """
    shared = controller_settings(environ)
    defaults = WebhookSettings(namespace=shared.namespace)
    address = environ.get("BARTIZAN_WEBHOOK_ADDRESS") or defaults.address
    read_address("BARTIZAN_WEBHOOK_ADDRESS", address)
    return WebhookSettings(
        namespace=shared.namespace,
        kubeconfig=shared.kubeconfig,
        address=address,
        metrics_address=environ.get("BARTIZAN_METRICS_ADDRESS") or defaults.metrics_address,
        cert_dir=Path(environ.get("BARTIZAN_WEBHOOK_CERT_DIR") or defaults.cert_dir),
    )


def run_webhook(environ: Mapping[str, str]) -> None:
    """Run the webhook until SIGTERM or SIGINT.

    Raises:
        BartizanError: settings or credentials can't be used.
    """
    settings = webhook_settings(environ)
    configure_logs(controller_settings(environ).log_level)
    with first_refusal():
        asyncio.run(serve(settings))
