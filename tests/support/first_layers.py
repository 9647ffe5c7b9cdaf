"""A model of a trained one's first layers: still half of its words, and converted in half of its time."""

import json
import re
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

_LAYER = re.compile(r"model\.layers\.(\d+)\.")


def write_first_layers(folder: Path, source: Path, layers: int) -> Path:
    """Writes the checkpoint in ``source`` with so many of its layers, its tokenizer and its card."""
    folder.mkdir(parents=True)
    for path in source.iterdir():
        if path.suffix in (".json", ".jinja", ".md"):
            shutil.copyfile(path, folder / path.name)
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    config["num_hidden_layers"] = layers
    for key in ("no_rope_layers", "layer_types"):
        config[key] = config[key][:layers]
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    tensors = load_file(source / "model.safetensors")
    kept = {
        name: tensor
        for name, tensor in tensors.items()
        if not (found := _LAYER.match(name)) or int(found[1]) < layers
    }
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    return folder
