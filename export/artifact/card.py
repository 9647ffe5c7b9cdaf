"""`README.md` of an artifact: a model card made of the manifest and nothing else."""

from pathlib import Path

from mmoe.backends.registry import declaration
from mmoe.export.artifact.manifest import Manifest
from mmoe.export.artifact.verification.figures import markdown_table
from mmoe.export.demo.bundled import BUNDLED

_TEMPLATE = Path(__file__).parent / "model_card.md.jinja"


def render_model_card(manifest: Manifest) -> str:
    """The card's text, Markdown with the front matter of the Hugging Face hub."""
    from jinja2 import Environment, StrictUndefined

    source = manifest.source
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        manifest=manifest,
        architecture=manifest.architecture,
        # Only a resolved commit tells that the source is a repository on the hub, not a folder.
        base_model=source.id if source.revision else None,
        versions=", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
        backend=declaration(manifest.backend.name),
        verify=_verify_command(manifest),
        markdown_table=markdown_table,
        report=manifest.verification,
    )


def _verify_command(manifest: Manifest) -> str:
    """The command that fills in the figures; a folder's place is not recorded, so it must be given."""
    source = manifest.source
    known = source.revision is not None or source.id == BUNDLED
    return f"mmoe-export verify .{'' if known else ' --checkpoint FOLDER'}"
