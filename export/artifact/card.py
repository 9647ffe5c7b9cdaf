"""`README.md` of an artifact: a model card made of the manifest and nothing else."""

from pathlib import Path

from mmoe.backends.registry import declarations
from mmoe.export.artifact.manifest import Manifest

_TEMPLATE = Path(__file__).parent / "model_card.md.jinja"


def render_model_card(manifest: Manifest) -> str:
    """The card's text, Markdown with the front matter of the Hugging Face hub."""
    from jinja2 import Environment, StrictUndefined

    source, backend = manifest.source, declarations().get(manifest.backend.name)
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        manifest=manifest,
        architecture=manifest.architecture,
        # Only a resolved commit tells that the source is a repository on the hub, not a folder.
        base_model=source.id if source.revision else None,
        versions=", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
        stop_ids=", ".join(map(str, manifest.runtime.stop_ids)),
        runs_in_libmmoe=backend is not None and backend.runs_in_libmmoe,
        report=manifest.verification,
    )
