"""The page about rotating authorities, as it stands, on a real API server: its schema, its defaults and its field managers."""

import sys

import pytest

from bartizan.api.kinds import NAMESPACE, TRUST_DOMAIN
from integration.controller.issuing import as_the_chart_gives_them, environ
from integration.controller.pages import ROOT, holds, sections

pytestmark = [pytest.mark.api, pytest.mark.timeout(600)]
PAGE = sections("docs/how-to/rotate-authorities.md")
SYSTEM = "bartizan-system"


@pytest.fixture
def shell(cluster, tmp_path):
    """A reader's environment, with this very bartizan on the PATH."""
    program = tmp_path / "bartizan"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m bartizan "$@"\n')
    program.chmod(0o755)
    base = environ(cluster, tmp_path, PYTHONPATH=str(ROOT / "operator" / "src"))
    return {**base, "PATH": f"{tmp_path}:{base['PATH']}"}


async def test_the_page_about_rotating_authorities(cluster, world, controller, until, shell, tmp_path):
    """Every block of every section does and prints what it says, with a controller that has the chart's rights."""
    await world.govern(SYSTEM, None)
    # Other tests leave theirs, and its domain cannot be changed.
    await world.delete(TRUST_DOMAIN, "default")
    chart = {"apiVersion": TRUST_DOMAIN.api_version, "kind": TRUST_DOMAIN.kind, "metadata": {"name": "default"}}
    await world.api.apply({**chart, "spec": {"domain": "prod.example.com"}}, manager="bartizan/defaults", force=True)
    rights = as_the_chart_gives_them(cluster, SYSTEM, tmp_path)
    async with controller(SYSTEM, kubeconfig=rights):
        for blocks in PAGE.values():
            await holds(blocks, tmp_path, shell)

    async def gone():
        return await world.get(TRUST_DOMAIN, "rehearsal") is None

    await until(gone, within=60)
    await world.delete(TRUST_DOMAIN, "default")
    await world.delete(NAMESPACE, "rehearsal")
