"""Which files a command line means, and which folders only a program can read."""

import pytest

from bartizan.cli.manifests_folders import Source, sources
from bartizan.cli.manifests_rendered import RenderingError, render, rendered_places


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A repository with a chart, a base, an overlay and plain files, and the working directory in it."""
    for name, text in {
        "plain.yaml": "",
        "chart/Chart.yaml": "",
        "chart/templates/a.yaml": "",
        "k/base/kustomization.yaml": "resources:\n- web.yaml\n",
        "k/base/web.yaml": "",
        "k/prod/kustomization.yml": 'resources:\n- "../base"  # what all share\n- extra.yaml\n',
        "k/prod/extra.yaml": "",
        "k/prod/nested/Kustomization": "resources: []\n",
        "k/plain.yaml": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(*paths, rendering=True):
    """The sources; nothing may be amiss."""
    return list(sources(paths, lambda path, said: pytest.fail(f"{path} {said}"), rendering=rendering))


def test_charts_and_overlays_are_sources_of_their_own(tree):
    """What an overlay builds on is not judged unfinished, and files that a program puts together are not read one by one."""
    assert found(".") == [
        Source("./chart", "helm"),
        Source("./k/plain.yaml"),
        Source("./k/prod", "kustomize"),
        Source("./k/prod/nested", "kustomize"),
        Source("./plain.yaml"),
    ]


def test_a_base_that_is_named_is_meant(tree):
    """Whoever names the base wants it judged."""
    assert found("k/prod", "k/base") == [
        Source("k/prod", "kustomize"), Source("k/prod/nested", "kustomize"), Source("k/base", "kustomize"),
    ]  # fmt: skip


def test_without_rendering_they_are_folders(tree):
    """The network's verbs read files."""
    assert Source("k/base/web.yaml") in found("k", rendering=False)


def test_a_rendered_object_is_told_by_its_template():
    """Helm says which template an object comes from, charts within the chart among them; Kustomize says nothing."""
    text = "---\n# Source: shop/templates/web.yaml\na: 1\n---\n# Source: shop/charts/db/templates/db.yaml\nb: 1\n"
    places = rendered_places(Source("./shop", "helm"), text)
    assert [places(line) for line in (1, 3, 6)] == [
        "./shop",
        "./shop/templates/web.yaml",
        "./shop/charts/db/templates/db.yaml",
    ]
    assert rendered_places(Source("k", "kustomize"), text)(3) == "k"


@pytest.mark.parametrize("program", ["helm", "kustomize"])
def test_a_missing_program_is_named(tmp_path, monkeypatch, program):
    """Without the program the folder is an error that says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RenderingError, match=f"{program}.* on the PATH: install"):
        render(Source(str(tmp_path), program))
