"""What NetworkPolicies have been, write by write, from the API server's own audit log.

A watch could be told less than happened, and the controller could be wrong about itself; the audit log has every write that was
answered, with what was stored. Writes are put in the order of their resource versions, because concurrent ones may be logged in
another. A deletion bears none: it stands after the writes that were answered before it.
"""

import json
from pathlib import Path
from urllib.parse import parse_qs, urlparse

from bartizan.api.kinds import NETWORK_POLICY

WRITES = {"create", "update", "patch", "delete"}


class Trail:
    """The NetworkPolicies of some namespaces as they stood at first, and every change since."""

    def __init__(self, log: Path, namespaces):
        """Begin at the log's end; `begin` has to follow."""
        self._log, self._namespaces = log, set(namespaces)
        self._read_to, self._listed = log.stat().st_size, 0
        self._answers = []
        self.first = {}

    async def begin(self, api):
        """Take down what stands now."""
        listing = await api.list(NETWORK_POLICY)
        self._listed = int(listing.resource_version)
        self.first = {place(item): item for item in listing.items if place(item)[0] in self._namespaces}

    def changes(self):
        """Return (where, what was stored, None if deleted) of every change so far, in order; the log is read on."""
        self._read_on()
        found, newest = {}, self._listed
        for where, item in self._answers:
            if item is not None:
                version = int(item["metadata"]["resourceVersion"])
                newest = max(newest, version)
                if version > self._listed:
                    found[version, 0] = (where, item)
            else:
                found[newest, len(found) + 1] = (where, None)
        return [found[key] for key in sorted(found)]

    def names(self):
        """Return what was written, in order."""
        return [name for (_, name), _ in self.changes()]

    def states(self):
        """Return what stood at first and after every change."""
        now = dict(self.first)
        found = [dict(now)]
        for where, item in self.changes():
            now.pop(where, None)
            if item is not None:
                now[where] = item
            found.append(dict(now))
        return found

    def _read_on(self):
        with self._log.open("rb") as file:
            file.seek(self._read_to)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read_to += len(line)
                if b'"networkpolicies"' in line:
                    self._note(json.loads(line))

    def _note(self, event):
        ref = event.get("objectRef", {})
        dry = "dryRun" in parse_qs(urlparse(event["requestURI"]).query)
        if event["verb"] not in WRITES or ref["resource"] != "networkpolicies" or dry:
            return
        if event["responseStatus"].get("code", 500) >= 300 or ref.get("namespace") not in self._namespaces:
            return
        where = (ref["namespace"], ref["name"])
        self._answers.append((where, None if event["verb"] == "delete" else event["responseObject"]))


def place(item):
    """Return where an object is."""
    return (item["metadata"]["namespace"], item["metadata"]["name"])
