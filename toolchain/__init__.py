"""Gets a Pulumi engine, Consul, the docker command and the Python environment onto a machine."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this runs before the project's own Python is chosen
    sys.exit(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}: try `make PYTHON=python3.11 ...`")
