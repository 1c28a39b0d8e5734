"""`bartizan check` as a person runs it: what it prints, on which stream, what it exits with, and what it survives."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import pytest

from bartizan.cli.checking.progress import MANY, watched
from bartizan.cli.main import main
from bartizan.cli.manifests import MAX_BYTES
from bartizan.cli.manifests_folders import Source
from cluster import tool

ROOT = Path(__file__).parents[2]
SHOP = str(ROOT / "examples" / "shop")
REJECTED = sorted((ROOT / "examples" / "rejected").glob("*.yaml"))
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: NAME, namespace: shop, labels: {app: web}}
spec:
  serviceAccountName: web
  containers:
  - name: app
    image: registry.example/app:1
    securityContext: {privileged: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
"""
POLICY = """\
apiVersion: bartizan.dev/v1alpha1
kind: ServiceSecurityPolicy
metadata: {name: web, namespace: shop}
spec:
  workload: {selector: {matchLabels: {app: web}}}
  network:
    egress:
    - {to: {service: orders}}
"""


class Done(NamedTuple):
    """What one run left behind."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def checks(self) -> list[str]:
        """The ids of the findings, where JSON was asked for."""
        return [one["check"] for one in json.loads(self.stdout)["findings"]]


def check(*args: object, given: bytes = b"") -> Done:
    """Run `bartizan check` in this process: a new interpreter for each case would take half a minute."""
    said, failed = io.StringIO(), io.StringIO()
    with (
        patch.object(sys, "argv", ["bartizan", "check", *map(str, args)]),
        patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(given))),
        redirect_stdout(said),
        redirect_stderr(failed),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    return Done(int(ended.value.code or 0), said.getvalue(), failed.getvalue())


def judged(*args: object, given: bytes = b"") -> Done:
    """Run it for JSON."""
    return check(*args, "--output", "json", given=given)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with one bad pod, and the working directory in it."""
    (tmp_path / "pod.yaml").write_text(POD)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_good_folder_is_clean():
    """Nothing but one line, and exit code 0."""
    assert check(SHOP) == (0, "no findings: 6 objects in 4 files judged\n", "")


@pytest.mark.parametrize("path", REJECTED, ids=lambda path: path.stem)
def test_what_the_cluster_rejects_is_found(path):
    """Every example that a cluster refuses is found on the file, with the check that the example promises."""
    words = path.read_text().splitlines()[0].removeprefix("# expect: ")
    done = judged(path, "--policy", SHOP, "--ignore", "C-03")
    found = json.loads(done.stdout)["findings"]
    promised = words.split()[0] if re.match(r"[A-Z]-\d\d ", words) else "O-01"
    assert (done.returncode, {one["file"] for one in found}, min(one["line"] for one in found) > 1) == (
        1,
        {str(path)},
        True,
    )
    assert promised in done.checks


def test_text_is_told_by_object(folder):
    """The object, the line with a caret, what is wrong and the fix; assumptions on stderr."""
    assert check("pod.yaml") == (
        1,
        (
            "Pod shop/NAME  pod.yaml\n"
            "  critical P-01 privileged  pod.yaml:9:23\n"
            "    8 │     image: registry.example/app:1\n"
            "    9 │     securityContext: {privileged: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}\n"
            "      │                       ^^^^^^^^^^\n"
            '    container "app" sets spec.containers[0].securityContext.privileged=true; allowed: unset or false\n'
            "    fix: remove it\n"
            "\n"
            "1 finding (1 critical): 1 object in 1 file judged\n"
        ),
        "bartizan: no policy is given, so nobody asks whether pods are covered (C-01): --policy names files with policies\n",
    )


def test_standard_input_is_judged_and_shown():
    """`-` is read, and its line is shown though it cannot be read again."""
    done = check("-", given=POD.encode())
    assert (done.returncode, "    9 │     securityContext: {privileged: true, " in done.stdout) == (1, True)


@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit", "github", "gitlab"])
def test_no_form_is_coloured_or_talks_on_the_other_stream(folder, form):
    """Standard output holds the form and nothing else."""
    done = check("pod.yaml", "--output", form)
    assert (done.returncode, "\x1b" in done.stdout, "P-01" in done.stdout, "P-01" in done.stderr) == (
        1,
        False,
        True,
        False,
    )


def test_a_terminal_gets_colours_unless_it_refuses_them(folder):
    """Colours on a terminal only, and never with NO_COLOR."""
    program = [
        sys.executable,
        "-c",
        "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)",
        sys.executable,
        "-m",
        "bartizan",
        "check",
        "pod.yaml",
    ]
    environ = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    environ |= {"TERM": "xterm", "PYTHONPATH": str(ROOT / "operator/src")}
    seen = [
        "\x1b[31m"
        in subprocess.run(program, capture_output=True, text=True, check=False, env={**environ, **more}).stdout
        for more in ({}, {"NO_COLOR": "1"}, {"TERM": "dumb"})
    ]
    assert seen == [True, False, False]


OPTIONS = {
    "all": ([], 1, ["C-01", "P-01", "N-01"]),
    "one check": (["--select", "P-01"], 1, ["P-01"]),
    "two kinds of checks": (["--select", "p,N"], 1, ["P-01", "N-01"]),
    "repeated": (["--select", "P", "--select", "N"], 1, ["P-01", "N-01"]),
    "without one": (["--ignore", "C,N-01"], 1, ["P-01"]),
    "selected and ignored": (["--select", "P", "--ignore", "P-01"], 0, []),
    "the worst only": (["--severity", "critical"], 1, ["P-01"]),
    "nothing fails": (["--fail-on", "none"], 0, ["C-01", "P-01", "N-01"]),
    "only the worst fails": (["--fail-on", "critical", "--ignore", "P"], 0, ["C-01", "N-01"]),
    "as bad as it takes": (["--fail-on", "high", "--ignore", "P"], 1, ["C-01", "N-01"]),
}


@pytest.mark.parametrize(("options", "code", "checks"), OPTIONS.values(), ids=OPTIONS)
def test_options_choose_what_is_told_and_what_fails(folder, options, code, checks):
    """Checks by id or beginning, severities from one up, and the exit code apart from what is told."""
    (folder / "pod.yaml").write_text(POD.replace("app: web", "app: other") + "---\n" + POLICY)
    done = judged("pod.yaml", "--ignore", "C-03,C-06", *options)
    assert (done.returncode, done.checks) == (code, checks)


WRONG = {
    "an unknown check": (["--select", "Q"], "--select names 'Q', and no check begins so; there is C-01, "),
    "an unknown severity": (["--severity", "bad"], "--severity is 'bad'; allowed are low, medium, high, critical"),
    "an unknown threshold": (["--fail-on", "x"], "--fail-on is 'x'; allowed are none, low, medium, high, critical"),
    "an unknown level": (["--level", "privileged"], "--level is 'privileged'; allowed are baseline, restricted"),
    "an unknown version": (["--pss-version", "v1.99"], "--pss-version is 'v1.99'; allowed are v1.0 to v1.37"),
    "none is no severity": (["--severity", "none"], "--severity is 'none'; allowed are low, medium, high, critical"),
    "an unknown form": (["--output", "xml"], "--output is 'xml'; allowed are text, json, sarif, junit, github, gitlab"),
    "a baseline file that is not there": (["--baseline-file", "no"], "--baseline-file no cannot be read: No such file or directory"),
}  # fmt: skip


@pytest.mark.parametrize(("options", "says"), WRONG.values(), ids=WRONG)
def test_a_wrong_option_is_one_line_and_exit_code_2(folder, options, says):
    """It names the option, the value and what is allowed; nothing is judged."""
    done = check("pod.yaml", *options)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"bartizan: {says}")


def test_policies_from_elsewhere_are_judged_by_and_not_judged(folder):
    """`--policy` covers the pods; what is wrong with the policy is another repository's business."""
    (folder / "policy").mkdir()
    (folder / "policy/web.yaml").write_text(POLICY)
    assert judged("pod.yaml", "--policy", "policy").checks == ["P-01"]


def test_pods_are_held_to_a_level_without_any_policy(folder):
    """`--level` and `--pss-version` say what holds them; older versions ask less."""
    (folder / "pod.yaml").write_text(POD.partition("    securityContext")[0])
    asked = (["--level", "restricted"], ["--level", "restricted", "--pss-version", "v1.8"], [])
    assert [judged("pod.yaml", *more).checks for more in asked] == [
        ["P-20", "P-21", "P-24", "P-26"], ["P-20", "P-24"], [],
    ]  # fmt: skip


def test_the_floors_can_be_given(folder):
    """`--baseline` counts, whatever floors are among the files; one that is not there is an error."""
    floors = {
        word: f"apiVersion: bartizan.dev/v1alpha1\nkind: SecurityBaseline\nmetadata: {{name: default}}\nspec: {{network: {{internet: {word}}}}}\n"
        for word in ("Allow", "Forbid")
    }
    (folder / "pod.yaml").write_text(
        POLICY.replace("{to: {service: orders}}", "{to: {internet: {}}, ports: [{port: 443}]}")
        + "---\n"
        + floors["Allow"]
    )
    (folder / "floors.txt").write_text(floors["Forbid"])
    assert [judged("pod.yaml", *more).checks for more in ([], ["--baseline", "floors.txt"])] == [[], ["N-06"]]
    assert judged("pod.yaml", "--baseline", "gone.yaml").returncode == 2


def test_objects_without_a_namespace_belong_together_or_where_they_are_put(folder):
    """A pod and a policy that name no namespace are of one; `--default-namespace` says which, and moves no line."""
    text = (POD + "---\n" + POLICY).replace(", namespace: shop", "")
    (folder / "pod.yaml").write_text(text)
    for more in ([], ["--default-namespace", "till"]):
        found = json.loads(judged("pod.yaml", *more).stdout)["findings"]
        assert [(one["check"], one["namespace"], one["line"]) for one in found] == [
            ("P-01", more[-1] if more else "", 9), ("N-01", more[-1] if more else "", 19),
        ]  # fmt: skip


def test_a_labelled_namespace_demands_a_policy(folder):
    """Where the files say that a namespace is governed, a pod without a policy is found, though no policy is given."""
    (folder / "ns.yaml").write_text(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {bartizan.dev/enforcement: warn}}\n"
    )
    assert judged("pod.yaml", "ns.yaml").checks == ["C-01", "P-01"]


def test_system_namespaces_are_not_judged(folder):
    """They are never governed, and it is said that nothing was judged there."""
    (folder / "pod.yaml").write_text(POD.replace("shop", "kube-system"))
    done = judged("pod.yaml")
    assert (done.returncode, done.checks) == (0, [])
    assert json.loads(done.stdout)["summary"]["notes"] == [
        "namespace kube-system is never governed: what is in it was not judged"
    ]


def test_pods_of_a_given_workload_are_judged_once(folder):
    """What `kubectl get all -o yaml` prints holds a Deployment's pods too: they say what their template says."""
    owned = POD.replace("labels:", "ownerReferences: [{kind: ReplicaSet, name: web-1, controller: true}], labels:")
    spec = POD.partition("spec:")[2].replace("\n", "\n    ").rstrip()
    made = f"apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {{name: web-1, namespace: shop}}\nspec:\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec:{spec}\n"
    (folder / "pod.yaml").write_text(f"{owned}---\n{made}")
    found = json.loads(judged("pod.yaml").stdout)["findings"]
    assert [(one["check"], one["kind"]) for one in found] == [("P-01", "ReplicaSet")]


def test_two_policies_of_one_name_are_found(folder):
    """The first is judged; the second is told where the first stands."""
    (folder / "pod.yaml").write_text(POLICY + "---\n" + POLICY)
    found = json.loads(judged("pod.yaml").stdout)["findings"]
    assert [(one["check"], one["line"], one["message"]) for one in found if one["check"] == "O-03"] == [
        ("O-03", 12, "is there already, in pod.yaml:1; that one was judged")
    ]


def test_accepted_findings_do_not_fail(folder):
    """Today's findings are written once; tomorrow only what is new fails."""
    (folder / "accepted.json").write_text(judged("pod.yaml").stdout)
    (folder / "pod.yaml").write_text("# a line more\n" + POD)
    before = judged("pod.yaml", "--baseline-file", "accepted.json")
    (folder / "new.yaml").write_text(POD.replace("NAME", "new"))
    after = judged("pod.yaml", "new.yaml", "--baseline-file", "accepted.json")
    waived = [[one["waived"] for one in json.loads(done.stdout)["findings"]] for done in (before, after)]
    assert ([before.returncode, after.returncode], waived) == ([0, 1], [[True], [False, True]])


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdef", "bcdefg", strict=True)
)
BAD = {
    "broken YAML": (b"a: [1\nb: 2\n", "bad.yaml:2:2: not YAML: did not find expected ',' or ']'"),
    "a tab": (b"a:\n\tb: 1\n", "bad.yaml:2:1: not YAML: found character that cannot start any token; indent with spaces, not with a tab"),
    "a repeated key": (b"a: 1\na: 2\n", "bad.yaml:2:4: key 'a' stands here twice"),
    "a repeated key after CRLF": (b"a: 1\r\na: 2\r\n", "bad.yaml:2:4: key 'a' stands here twice"),
    "an alias bomb": (BOMB.encode(), "bad.yaml:5:29: aliases stand for more than 100000 values"),
    "an anchor within itself": (b"a: &a [*a]\n", "bad.yaml:1:8: alias *a has no anchor before it, or lies within it"),
    "depth": (b"a: " + b"[" * 5000, "bad.yaml:1:203: collections lie deeper than 200 in each other"),
    "binary": (b"\x7fELF\n\x00", "bad.yaml:2: is binary: it holds a NUL byte"),
    "another encoding": ("a: é".encode("latin-1"), "bad.yaml:1: is not UTF-8: byte 0xe9"),
    "a template": (b"a: {{ .Values.x }}\n", "bad.yaml:1:5: a key must be text; quote what begins with { or [; it looks like a template: render it first, as with helm template"),
    "the second document": (b"a: 1\n---\nb: [\n", "bad.yaml:4:1: not YAML: did not find expected node content"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "says"), BAD.values(), ids=BAD)
def test_a_bad_file_is_told_with_its_place_and_hides_no_other(folder, content, says):
    """One line on stderr with file, line and column; the other file is judged; exit code 2."""
    (folder / "bad.yaml").write_bytes(content)
    done = judged(".", "--ignore", "C")
    assert (done.returncode, done.checks, done.stderr) == (2, ["P-01"], f"bartizan: ./{says}\n")


NO_NUMBER = "is no number that JSON has; write a finite one, or quote it where text is meant"
UNFIT = {
    "half a surrogate pair": ("bad.json", '"\\\\ud800 \\ud83d\\ude00 \\ud800"', "3:30: cannot be read: \\ud800 is half of a surrogate pair and no character; write the character itself, or both halves"),
    "the other half": ("bad.json", '"\\uDC00"', "3:9: cannot be read: \\uDC00 is half of a surrogate pair and no character; write the character itself, or both halves"),
    "half a pair in JSON by another name": ("bad.yaml", '"\\ud800"', "3:9: cannot be read: \\ud800 is half of a surrogate pair and no character; write the character itself, or both halves"),
    "NaN": ("bad.json", '["NaN", NaN]', f"3:16: cannot be read: NaN {NO_NUMBER}"),
    "-Infinity": ("bad.json", "-Infinity", f"3:8: cannot be read: -Infinity {NO_NUMBER}"),
    "a float beyond all": ("bad.json", "1e999", f"3:8: cannot be read: 1e999 {NO_NUMBER}"),
    "an integer beyond all floats": ("bad.json", "9" * 400, f"3:8: cannot be read: {'9' * 40}… {NO_NUMBER}"),
    "an integer that Python does not take": ("bad.json", "9" * 5000, f"3:8: cannot be read: {'9' * 40}… {NO_NUMBER}"),
    "NaN beside half a pair": ("bad.json", '["\\ud800", NaN]', f"3:19: cannot be read: NaN {NO_NUMBER}"),
    "NaN beside a long integer": ("bad.json", f"[{2**70}, NaN]", f"3:33: cannot be read: NaN {NO_NUMBER}"),
    "YAML's NaN beside a long integer": ("bad.yml", f"[{2**70}, .nan]", f"3:33: cannot be read: .nan {NO_NUMBER}"),
    "YAML's infinity beside a long integer": ("bad.yml", f"[{2**70}, -.Inf]", f"3:33: cannot be read: -.Inf {NO_NUMBER}"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "value", "says"), UNFIT.values(), ids=UNFIT)
def test_what_json_cannot_say_is_told_with_its_place_and_hides_no_other(folder, name, value, says):
    """A number that is none and half a character are named with their line; the other file is judged; exit code 2."""
    comment = "# so that it is YAML" if name.endswith(".yml") else ""
    text = (
        f'{comment}\n{{"apiVersion": "v1", "kind": "Pod", "metadata": {{"name": "x"}}, "spec":\n {{"a": {value}}}}}\n'
    )
    (folder / name).write_text(text)
    done = judged(".", "--ignore", "C")
    assert (done.returncode, done.checks) == (2, ["P-01"])
    assert done.stderr == f"bartizan: ./{name}:{says}\n"


def test_a_file_whose_policies_judge_may_be_unfit_too(folder):
    """What `--policy` names is told in the same words."""
    (folder / "sub").mkdir()
    (folder / "sub" / "bad.json").write_text('{"apiVersion": "v1", "kind": "Namespace", "a": Infinity}')
    done = judged(next(str(one) for one in folder.iterdir() if one.is_file()), "--ignore", "C", "--policy", "sub")
    assert (done.returncode, done.checks) == (2, ["P-01"])
    assert done.stderr == f"bartizan: sub/bad.json:1:48: cannot be read: Infinity {NO_NUMBER}\n"


def test_what_json_cannot_say_harms_nobody_outside_of_manifests(folder):
    """A chart's values or somebody's data may hold an infinity or half a character: they are passed over."""
    (folder / "values.yaml").write_text("limit: .inf\n")
    (folder / "data.json").write_text('{"a": NaN, "b": "\\ud800"}')
    done = judged(".", "--ignore", "C")
    assert (done.returncode, done.checks, done.stderr) == (1, ["P-01"], "")


def test_a_huge_file_is_refused_by_its_size(folder):
    """A file beyond the bound is not read to its end."""
    with (folder / "bad.yaml").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    done = judged(".", "--ignore", "C")
    assert (done.returncode, done.checks, done.stderr) == (
        2,
        ["P-01"],
        "bartizan: ./bad.yaml: is larger than 64 MiB: split it\n",
    )


def test_what_is_no_file_is_not_waited_for(folder):
    """A pipe that nobody writes to, a link to nothing, a path that is not there."""
    os.mkfifo(folder / "bad.yaml")
    (folder / "gone.yaml").symlink_to("nowhere")
    done = judged(".", "missing.yaml", "--ignore", "C")
    assert (done.returncode, done.checks) == (2, ["P-01"])
    assert done.stderr.splitlines() == [
        "bartizan: ./bad.yaml: is neither a file nor a folder",
        "bartizan: ./gone.yaml: cannot be read: No such file or directory",
        "bartizan: missing.yaml: cannot be read: No such file or directory",
    ]


def test_a_folder_that_links_into_itself_is_read_once(folder):
    """Loops end, and a file met twice is judged once."""
    (folder / "loop").symlink_to(folder)
    (folder / "again.yaml").symlink_to("pod.yaml")
    assert judged(".", "pod.yaml").checks == ["P-01"]


def test_an_unreadable_file_is_told(folder):
    """The reason of the operating system, whoever runs it: root may read everything, so the reading itself fails here."""
    (folder / "bad.yaml").write_text("")
    opened = Path.open

    def refusing(self, *args, **more):
        if self.name == "bad.yaml":
            raise PermissionError(13, "Permission denied")
        return opened(self, *args, **more)

    with patch.object(Path, "open", refusing):
        done = judged(".", "--ignore", "C")
    assert (done.returncode, done.checks, done.stderr) == (
        2,
        ["P-01"],
        "bartizan: ./bad.yaml: cannot be read: Permission denied\n",
    )


@pytest.mark.parametrize(
    "name", ["a b.yaml", "a\\b.yaml", "C:\\shop\\web.yaml", "ü.yaml", "a:b,c%.yaml", "new\nline.yaml"]
)
def test_odd_names_of_files_are_told_in_every_form(folder, name):
    """Names from Windows, with spaces or with what a form reads as syntax."""
    (folder / "pod.yaml").rename(folder / name)
    (one,) = json.loads(judged(".").stdout)["findings"]
    assert one["file"] == f"./{name}"
    for form in ("text", "sarif", "junit", "github", "gitlab"):
        assert check(".", "--output", form).returncode == 1
    assert check(".", "--output", "github").stdout.count("\n") == 1


def test_crlf_and_a_byte_order_mark_move_no_place(folder):
    """A file as Windows writes it has its finding at the same line and column."""
    (folder / "pod.yaml").write_bytes(b"\xef\xbb\xbf" + POD.replace("\n", "\r\n").encode())
    (one,) = json.loads(judged("pod.yaml").stdout)["findings"]
    assert (one["line"], one["column"]) == (9, 23)


def test_a_number_that_no_machine_holds_is_told(folder):
    """It is refused as the API server would refuse it, not by a traceback."""
    (folder / "pod.yaml").write_text(POD.replace("privileged: true", "runAsUser: 99999999999999999999999"))
    assert judged("pod.yaml").checks == ["O-01"]


def test_a_kustomize_folder_is_rendered_by_the_real_program(folder):
    """The overlay is judged, not the base that it builds on; the file is told, and no line of what nobody wrote."""
    if not (shutil.which("kustomize") or shutil.which("kubectl")):
        pytest.skip("neither kustomize nor kubectl is on the PATH")
    for name, text in {
        "base/kustomization.yaml": "resources: [pod.yaml]\n",
        "base/pod.yaml": POD.replace("NAME", "name"),
        "prod/kustomization.yaml": "namePrefix: prod-\nresources:\n- ../base\n",
        "broken/kustomization.yaml": "resources:\n- gone.yaml\n",
    }.items():
        (folder / "k" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "k" / name).write_text(text)
    done = judged("k")
    found = json.loads(done.stdout)["findings"]
    assert [(one["name"], one["file"], one["line"]) for one in found] == [("prod-name", "k/prod", None)]
    assert done.returncode == 2
    assert "bartizan: k/broken: kustomize cannot render it: " in done.stderr


def test_a_chart_is_rendered_by_the_real_helm(folder, monkeypatch):
    """Each object is told by its template; a chart that does not render is an error of its own."""
    monkeypatch.setenv("PATH", f"{tool('helm').parent}:{os.environ['PATH']}")
    chart = folder / "c/shop"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 1.0.0\n")
    (chart / "templates/pod.yaml").write_text(POD.replace("NAME", "{{ .Release.Name }}-web"))
    (folder / "c/bad/templates").mkdir(parents=True)
    (folder / "c/bad/Chart.yaml").write_text("apiVersion: v2\nname: bad\nversion: 1.0.0\n")
    (folder / "c/bad/templates/a.yaml").write_text('{{ fail "not so" }}')
    done = judged("c")
    found = json.loads(done.stdout)["findings"]
    assert [(one["name"], one["file"], one["line"]) for one in found] == [
        ("release-web", "c/shop/templates/pod.yaml", None)
    ]
    assert (done.returncode, "c/bad: helm cannot render it: " in done.stderr) == (2, True)
    assert (
        "Pod shop/release-web  c/shop/templates/pod.yaml\n  critical P-01 privileged\n    container"
        in check("c/shop").stdout
    )


def test_a_bar_is_shown_to_whoever_waits(monkeypatch):
    """On a terminal, for more than a thousand files, on standard error; nowhere else."""
    many = [Source(str(number)) for number in range(MANY + 1)]
    assert watched(many) is many
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    assert watched(many[:MANY]) == many[:MANY]
    assert list(watched(many)) == many
    assert "reading" in screen.getvalue()
