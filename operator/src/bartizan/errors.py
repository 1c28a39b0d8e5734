"""The root of the error tree: what bartizan itself refuses or cannot do, as opposed to a bug.

Everything that a person can act on derives from `BartizanError`, so that each process has one place to turn it into words:
the command line into one line on stderr and exit code 2, the controller into a condition or a retry. Each area draws its
own branch in the module that owns it.

BartizanError
├── cli.files     FilesOutputError                       a file cannot be written
├── kube.errors   KubeError                              the API server refused, or cannot be reached
└── others        drawn where they are raised

Anything else that escapes is a bug and keeps its traceback.
"""


class BartizanError(Exception):
    """Anything bartizan refuses or fails to do. The message says what, where, the value seen, what is allowed, the fix."""
