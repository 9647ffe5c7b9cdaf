"""`README.md` of an artifact: a model card made of the manifest and nothing else."""

import json
import math
import re
from pathlib import Path

from mmoe.backends.registry import declaration
from mmoe.export.artifact import licences
from mmoe.export.artifact.manifest import Manifest
from mmoe.export.artifact.verification.figures import FIGURES, markdown_table
from mmoe.export.artifact.verification.report import VerificationReport
from mmoe.export.demo.bundled import BUNDLED

# What begins HTML, an entity, a link, emphasis, code or a cell.
_MARKDOWN = re.compile(r"[<>&\[\]`*|\\]")
_PLAIN_ID = re.compile(r"[A-Za-z][\w.-]*/[\w.-]+", flags=re.ASCII)
_TEMPLATE = Path(__file__).parent / "model_card.md.jinja"


def render_model_card(manifest: Manifest) -> str:
    """The card's text, Markdown with the front matter of the Hugging Face hub."""
    from jinja2 import Environment, StrictUndefined

    source = manifest.source
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    environment.filters["text"] = _as_text
    environment.filters["code"] = _as_code
    environment.filters["yaml"] = _as_yaml
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        manifest=manifest,
        architecture=manifest.architecture,
        # Only a resolved commit tells that the source is a repository on the hub, not a folder.
        base_model=source.id if source.revision else None,
        licence=licences.front_matter(source.licence, has_text="LICENSE" in manifest.files),
        results=_results(manifest.verification),
        versions=", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
        backend=declaration(manifest.backend.name),
        verify=_verify_command(manifest),
        markdown_table=markdown_table,
        report=manifest.verification,
    )


def _results(report: VerificationReport | None) -> list[dict[str, object]]:
    """Figures of the last stage that had limits to keep, for the hub's index; none unless all were kept."""
    if report is None or not report.passed:
        return []
    last = [stage for stage in report.stages if stage.gates][-1:]
    return [
        {
            "name": f"{figure.title} (%)" if figure.percent else figure.title,
            "type": re.sub(r"[^a-z0-9]+", "_", figure.title.lower()),
            "value": f"{100 * value if figure.percent else value:.6g}",
        }
        for stage in last
        for figure in FIGURES
        if math.isfinite(value := figure.value(stage.metrics))
    ]


def _as_text(value: object) -> str:
    """A value from the checkpoint as one line of plain text: no HTML, Markdown or end of a table's cell in it."""
    return _MARKDOWN.sub(lambda match: f"&#{ord(match[0])};", _one_line(value))


def _as_code(value: object) -> str:
    """The same between backticks, where a backtick or a bar would end the code or the cell."""
    return f"`{_one_line(value).replace('`', chr(39)).replace('|', '/')}`"


def _as_yaml(value: object) -> str:
    """A scalar, quoted unless it is a plain id on the hub: JSON's strings are YAML's."""
    text = _one_line(value)
    return text if _PLAIN_ID.fullmatch(text) else json.dumps(text)


def _one_line(value: object) -> str:
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(value)
    )


def _verify_command(manifest: Manifest) -> str:
    """The command that fills in the figures; a folder's place is not recorded, so it must be given."""
    source = manifest.source
    known = source.revision is not None or source.id == BUNDLED
    return f"mmoe-export verify .{'' if known else ' --checkpoint FOLDER'}"
