"""The errors of the cluster harness in one tree, because the command line turns each branch into an exit code.

ClusterError
├── ProviderUnavailable  the provider asked for cannot work on this machine   exit 3
├── MissingDependency    Go, a Debian package or root is missing              exit 4
├── BuildFailed          a pinned module did not compile                      exit 5
├── StartFailed          a component did not become ready                     exit 6
├── NameConflict         the name is taken by a cluster of another shape      exit 7
└── CommandFailed        kubectl, helm, ip, openssl … returned non-zero       exit 1
"""

from __future__ import annotations


class ClusterError(Exception):
    """Anything the harness refuses or fails to do; `exit_code` is what the command line returns."""

    exit_code = 1


class ProviderUnavailable(ClusterError):  # noqa: N818 - the state is the name
    """The provider asked for cannot work here."""

    exit_code = 3


class MissingDependency(ClusterError):  # noqa: N818
    """Something the machine lacks and the harness may not install."""

    exit_code = 4


class BuildFailed(ClusterError):  # noqa: N818
    """The compiler refused a pinned module; the message ends with its last lines."""

    exit_code = 5


class StartFailed(ClusterError):  # noqa: N818
    """A component died or was not ready in time; the message ends with the tail of its log."""

    exit_code = 6


class NameConflict(ClusterError):  # noqa: N818
    """A cluster of this name runs already, with another lane or shape."""

    exit_code = 7


class CommandFailed(ClusterError):  # noqa: N818
    """A program returned non-zero."""
