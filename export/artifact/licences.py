"""Licences of weights by the names that the Hugging Face hub has for them."""

import re

# Each lets anybody pass on the work and what is made of it, for any purpose.
_FREE = frozenset(
    {
        "afl-3.0",
        "agpl-3.0",
        "apache-2.0",
        "artistic-2.0",
        "bsd",
        "bsd-2-clause",
        "bsd-3-clause",
        "bsd-3-clause-clear",
        "bsl-1.0",
        "cc-by-2.0",
        "cc-by-2.5",
        "cc-by-3.0",
        "cc-by-4.0",
        "cc-by-sa-3.0",
        "cc-by-sa-4.0",
        "cc0-1.0",
        "cdla-permissive-1.0",
        "cdla-permissive-2.0",
        "ecl-2.0",
        "epl-1.0",
        "epl-2.0",
        "eupl-1.1",
        "gpl",
        "gpl-2.0",
        "gpl-3.0",
        "isc",
        "lgpl",
        "lgpl-2.1",
        "lgpl-3.0",
        "mit",
        "mpl-2.0",
        "ms-pl",
        "ncsa",
        "odc-by",
        "osl-3.0",
        "pddl",
        "postgresql",
        "unlicense",
        "wtfpl",
        "zlib",
    }
)
# These do so on terms that somebody has to read: for some purposes only, to some people, unchanged, or under a name.
_ON_TERMS = frozenset(
    {
        "bigcode-openrail-m",
        "bigscience-bloom-rail-1.0",
        "bigscience-openrail-m",
        "cc",
        "cc-by-nc-2.0",
        "cc-by-nc-3.0",
        "cc-by-nc-4.0",
        "cc-by-nc-nd-3.0",
        "cc-by-nc-nd-4.0",
        "cc-by-nc-sa-2.0",
        "cc-by-nc-sa-3.0",
        "cc-by-nc-sa-4.0",
        "cc-by-nd-4.0",
        "creativeml-openrail-m",
        "fair-noncommercial-research-license",
        "gemma",
        "llama2",
        "llama3",
        "llama3.1",
        "llama3.2",
        "llama3.3",
        "llama4",
        "openrail",
        "openrail++",
        "other",
        "unknown",
    }
)


def is_free(licence: str | None) -> bool:
    """Whether weights under this licence may be published without anybody reading its terms."""
    return licence is not None and licence.lower() in _FREE


def front_matter(licence: str | None, *, has_text: bool) -> dict[str, str]:
    """The entries of a model card that tell a licence; the hub refuses a card whose ``license`` it does not know.

    Args:
        licence: As the checkpoint names it; None if it does not.
        has_text: Whether the licence's text lies beside the card, as `LICENSE`.
    """
    if licence is None:
        return {}
    name = licence.lower()
    if name in _FREE | _ON_TERMS:
        return {"license": name}
    slug = re.sub(r"[^a-z0-9.-]+", "-", name).strip("-")
    entries = {"license": "other"}
    if slug:
        entries["license_name"] = slug
    if has_text:
        entries["license_link"] = "LICENSE"
    return entries
