"""Names that become names of Kubernetes objects, host names and file names: refused early, with the rule they break."""

import re
from typing import Final

from advisor.errors import UserInputError

# RFC 1035 label, as Kubernetes asks of a Service's name; shorter than 63 so that `-api-key` and `-models` still fit.
_NAME: Final = re.compile(r"[a-z](?:[-a-z0-9]{0,48}[a-z0-9])?")


def check_name(name: str) -> str:
    """The name, if it can name a Service. Raises UserInputError with a name that would do."""
    if _NAME.fullmatch(name):
        return name
    better = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-0123456789")[:50].strip("-")
    hint = f", such as {better}" if _NAME.fullmatch(better) else ""
    raise UserInputError(
        f"deployments: name {name!r} cannot name a Service: up to 50 lower-case letters, digits and hyphens, "
        f"a letter first and no hyphen last (RFC 1035){hint}"
    )
