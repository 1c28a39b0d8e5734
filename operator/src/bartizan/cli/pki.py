"""`bartizan pki`: how a trust domain's authorities stand, what a rotation would do, and the wish for one.

Nothing is done here but asking: the controller rotates, by what stands in the TrustDomain's `spec.rotation`.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Final

import orjson
import typer
import yaml

from bartizan.api.names import DEFAULT_NAME, KubeObject
from bartizan.cli.colours import paint
from bartizan.cli.epilog import epilog
from bartizan.cli.pki_options import (
    RELEASE,
    Kubeconfig,
    Lines,
    Release,
    TrustDomain,
    Wait,
    Yes,
    allowed,
    consumers,
    moment,
    question,
)
from bartizan.cli.pki_reading import Observed, Where, connected, from_files, observe
from bartizan.cli.pki_writing import Progress, Written, confirm, follow, write
from bartizan.core.pki import asking, distrusting, forecast_words, overview_words
from bartizan.core.pki.asking import AskingError
from bartizan.core.pki.forecast import Forecast, Question, What, forecast
from bartizan.core.pki.overview import overview
from bartizan.core.pki.remembered import rotation_of
from bartizan.kube.api import KubeApi
from bartizan.signers.stand_ins import StandInSigner

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
_WOULD_BREAK: Final = 1
_WRITES: Final = {
    0: "written, printed, or seen through to the end with --wait",
    1: "the question was answered with no: nothing is written",
    2: "refused or impossible; one line on stderr says why",
}


@app.callback()
def _pki() -> None:
    """See, rotate and distrust the authorities behind certificates, and see beforehand what that would do."""


@app.command(
    epilog=epilog(
        examples=("bartizan pki status", "bartizan pki status --trust-domain prod --output json"),
        exit_codes={0: "printed", 2: "the trust domain cannot be read; one line on stderr says why"},
    )
)
def status(
    *,
    trust_domain: TrustDomain = DEFAULT_NAME,
    output: Annotated[str, typer.Option("--output", "-o", help="text or json.")] = "text",
    release_namespace: Release = RELEASE,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Say how a trust domain stands: authorities, rotation, certificates that lag behind. Reads no Secret."""
    allowed(output, "text", "json")
    now = moment("")
    at = Where(trust_domain, release_namespace, kubeconfig, now)
    print(standing(asyncio.run(at.seen(pods=False)), now, output=output), end="")


def standing(observed: Observed, now: datetime, *, output: str) -> str:
    """Return what `pki status` prints."""
    found = overview(
        asking.readable(observed.item),
        observed.item,
        policies=len(observed.policies),
        consumers=consumers(observed, now),
        leaves=observed.book.counts(now) if observed.book else None,
        unseen=observed.unseen,
        now=now,
    )
    return _json(overview_words.document(found)) if output == "json" else overview_words.text(found, paint())


@app.command(
    epilog=epilog(
        examples=(
            "bartizan pki rotate issuing",
            "bartizan pki rotate root --id TICKET-7 --yes --wait",
            "bartizan pki rotate root --id TICKET-7 --output yaml",
            "bartizan pki rotate --abort",
        ),
        exit_codes=_WRITES,
    )
)
def rotate(
    *,
    role: Annotated[str, typer.Argument(help="root or issuing.")] = "",
    request_id: Annotated[
        str, typer.Option("--id", help="The request's id, such as a ticket's; each is done once.")
    ] = "",
    abort: Annotated[bool, typer.Option("--abort", help="Give up the rotation that is under way.")] = False,
    trust_domain: TrustDomain = DEFAULT_NAME,
    wait: Wait = False,
    yes: Yes = False,
    output: Lines = "text",
    release_namespace: Release = RELEASE,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Ask for a rotation of the root or of the issuing authority, or give one up. Says first what it will do."""
    allowed(output, "text", "yaml")
    if abort == bool(role) or (abort and request_id):
        raise AskingError("name what rotates (root or issuing), or --abort alone")
    now = moment("")

    def decide(item: KubeObject) -> asking.Wish:
        return asking.abort(item) if abort else asking.request(item, asking.read_role(role), request_id, now)

    def said(seen: Observed) -> str:
        asked = None if abort else question(seen, asking.read_role(role), now)
        return forecast_words.text(asked, _walked(asked), seen.unseen, paint()) if asked else ""

    asks = f"Give up the rotation of {trust_domain}?" if abort else f"Rotate {trust_domain} so?"
    at = Where(trust_domain, release_namespace, kubeconfig, now)
    asyncio.run(_carry_out(at, decide, said, asks, yes=yes, wait=wait, write_nothing=output == "yaml"))


@app.command(
    epilog=epilog(
        examples=(
            "bartizan pki distrust 1f0c9a6e52b7d384",
            "bartizan pki distrust 1f0c9a6e52b7d384 --deadline 30m --yes --wait",
        ),
        exit_codes=_WRITES,
    )
)
def distrust(
    *,
    authority: Annotated[str, typer.Argument(metavar="AUTHORITY-ID", help="Its id, as pki status lists it.")],
    deadline: Annotated[
        str,
        typer.Option(help="How long its root stays in bundles at most; left out: what spec.rotation says (15m)."),
    ] = "",
    trust_domain: TrustDomain = DEFAULT_NAME,
    wait: Wait = False,
    yes: Yes = False,
    output: Lines = "text",
    release_namespace: Release = RELEASE,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Have an authority trusted no more, with the root it is under: for a key that others may know. Says first what breaks."""
    allowed(output, "text", "yaml")
    span, now = asking.read_deadline(deadline), moment("")

    def decide(item: KubeObject) -> asking.Wish:
        return asking.distrust(item, (authority,), span)

    def said(seen: Observed) -> str:
        return emergency(seen, authority, now, deadline=span)

    asks = f"Distrust {authority}? This cannot be taken back."
    at = Where(trust_domain, release_namespace, kubeconfig, now)
    asyncio.run(_carry_out(at, decide, said, asks, yes=yes, wait=wait, write_nothing=output == "yaml"))


def emergency(observed: Observed, authority: str, now: datetime, *, deadline: timedelta | None) -> str:
    """Return what `pki distrust` says before it asks."""
    asked = question(observed, "Distrust", now, distrusted=(authority,), deadline=deadline)
    means = distrusting.meaning(asked.status, asking.authority(observed.item, authority), asked.consumers, now)
    said = forecast_words.text(asked, _walked(asked), observed.unseen, paint())
    return "\n".join([*distrusting.told(means), "", said])


@app.command(
    epilog=epilog(
        examples=(
            "bartizan pki simulate",
            "bartizan pki simulate issuing --output json",
            "bartizan pki simulate distrust 1f0c9a6e52b7d384",
            "kubectl get trustdomains,ssp,pods -A -o yaml > saved.yaml && bartizan pki simulate root -f saved.yaml",
        ),
        exit_codes={
            0: "nobody is known to be refused because of it",
            1: "somebody is, or it would not end by itself, or nothing would begin",
            2: "the trust domain or a file cannot be read; one line on stderr says why",
        },
    )
)
def simulate(
    *,
    what: Annotated[
        str,
        typer.Argument(help="root, issuing, distrust, or current: the rotation under way. Left out: current or root."),
    ] = "",
    authority: Annotated[str, typer.Argument(metavar="AUTHORITY-ID", help="For distrust: which.")] = "",
    files: Annotated[
        list[str] | None, typer.Option("--file", "-f", help="Saved objects instead of a cluster; - is standard input.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the cluster, which is what happens without --file.")
    ] = False,
    at: Annotated[str, typer.Option("--at", help="The moment it begins (2027-01-01T00:00:00Z); left out: now.")] = "",
    deadline: Annotated[str, typer.Option(help="For distrust: how long the root stays in bundles at most.")] = "",
    trust_domain: TrustDomain = DEFAULT_NAME,
    output: Annotated[str, typer.Option("--output", "-o", help="text or json.")] = "text",
    release_namespace: Release = RELEASE,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Say what would break if an authority rotated now. Writes nothing; the same objects have the same answer."""
    allowed(output, "text", "json")
    if live and files:
        raise AskingError("--live asks the cluster and --file asks files: give one of them")
    now = moment(at)
    at_hand = Where(trust_domain, release_namespace, kubeconfig, now)
    seen = from_files(files, trust_domain, now) if files else asyncio.run(at_hand.seen(pods=True))
    chosen, distrusted = _chosen(what, authority, seen.item)
    asked = question(seen, chosen, now, distrusted=distrusted, deadline=asking.read_deadline(deadline))
    found = _walked(asked)
    if output == "json":
        print(_json(forecast_words.document(asked, found, seen.unseen)), end="")
    else:
        print(forecast_words.text(asked, found, seen.unseen, paint()), end="")
    if found.blocked or found.breaks or not found.over:
        raise typer.Exit(_WOULD_BREAK)


def _chosen(what: str, authority: str, item: KubeObject) -> tuple[What, tuple[str, ...]]:
    """Return what is to be walked through; raises AskingError."""
    if (what == "distrust") != bool(authority):
        raise AskingError(
            "an AUTHORITY-ID goes with distrust, and distrust with an AUTHORITY-ID (pki status lists them)"
        )
    if what == "distrust":
        return "Distrust", (asking.authority(item, authority).id,)
    if what == "current" or (not what and rotation_of(item.get("status") or {}).phase != "Stable"):
        return "Current", ()
    return asking.read_role(what or "root"), ()


def _walked(asked: Question) -> Forecast:
    return forecast(asked, StandInSigner())


async def _carry_out(
    where: Where,
    decide: Callable[[KubeObject], asking.Wish],
    said: Callable[[Observed], str],
    asks: str,
    *,
    yes: bool,
    wait: bool,
    write_nothing: bool,
) -> None:
    """Say what a wish means, ask, write it and follow it; or only print the lines that say it."""
    api = await connected(where.kubeconfig)
    try:
        seen = await observe(api, where.trust_domain, release=where.release, pods=True, now=where.now)
        wish = decide(seen.item)
        if write_nothing:
            print(yaml.safe_dump(wish.lines(), sort_keys=False), end="")
            return
        print(said(seen), end="", flush=True)
        confirm(asks, yes=yes)
        await _followed(api, where.trust_domain, await write(api, where.trust_domain, decide), wait=wait)
    finally:
        await api.close()


async def _followed(api: KubeApi, name: str, written: Written, *, wait: bool) -> None:
    """Say what was written, and follow it where that is wanted."""
    said = {
        asking.ROTATE: f"asked for a rotation as request {written.request}",
        asking.ABORT: "asked to give the rotation up",
        asking.DISTRUST: "asked for an emergency rotation",
    }[written.wish.manager]
    print(f"{said}; bartizan pki status --trust-domain {name} shows how far it is", flush=True)
    if wait:
        record = await follow(api, name, written, Progress())
        given_up = written.request and record.aborted == written.request
        print("it was given up" if given_up else "it is over")


def _json(document: KubeObject) -> str:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"
