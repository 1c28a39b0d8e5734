"""The same closed gate as the integration tests use."""

from integration.admission.conftest import api, index  # noqa: F401 -- fixtures
