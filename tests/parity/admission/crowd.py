"""Many connections at once: thousands of trials in the time that one connection takes for hundreds."""

import threading
from concurrent.futures import ThreadPoolExecutor

from integration.admission.live import Api

CONNECTIONS = 12


class Crowd:
    """Asks the API server from several threads, each with a connection of its own. Use as a context manager."""

    def __init__(self, kubeconfig):
        self._kubeconfig = kubeconfig
        self._mine = threading.local()
        self._all = []

    def __enter__(self):
        self._threads = ThreadPoolExecutor(CONNECTIONS)
        return self

    def __exit__(self, *_):
        self._threads.shutdown(cancel_futures=True)
        for api in self._all:
            api.close()

    def ask(self, function, items):
        """Return what `function(api, item)` returns for each item, in the order of the items."""
        return list(self._threads.map(lambda item: function(self._api(), item), items))

    def _api(self):
        if not hasattr(self._mine, "api"):
            self._mine.api = Api(self._kubeconfig)
            self._all.append(self._mine.api)
        return self._mine.api
