"""Logs: one JSON object a line on standard output, from our own code and from the libraries alike.

The last stop before a line leaves is a processor that drops what looks like a secret. Nothing should ever reach it; it is there
for the day somebody logs a whole object.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

from bartizan.shell.settings import LogLevel

REDACTED: Final = "[redacted]"
_NAMES: Final = re.compile(
    r"(pem$|password|passwd|token|private|credential|authorization|^data$|^stringData$|tls\.key)", re.IGNORECASE
)
_VALUES: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----"  # PEM
    r"|LS0tLS1CRUdJTi[A-Za-z0-9+/]{16,}"  # PEM in base64, as it stands in a Secret
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"  # a token (JWT)
    r"|\bhvs\.[A-Za-z0-9_-]{8,}"  # a Vault token
)
_QUIET: Final = "OS signals are ignored"


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return the line without what bears a secret's name or looks like one, at any depth."""
    return {name: REDACTED if _NAMES.search(name) else _clean(value) for name, value in event.items()}


def configure_logs(level: LogLevel) -> None:
    """Send every log line of this process to standard output as JSON."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(lambda record: _QUIET not in str(record.msg))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("bartizan").setLevel(level.upper())


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _VALUES.sub(REDACTED, value)
    if isinstance(value, dict):
        return {name: REDACTED if _NAMES.search(str(name)) else _clean(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(inner) for inner in value]
    return value
