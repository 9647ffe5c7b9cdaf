"""`python -m tools.readme figures` measures README's table anew; `... picture` draws the demo's output again."""

import sys
import tempfile
from pathlib import Path

from mmoe.export.convert.convert import convert
from mmoe.export.demo.bundled import bundled_checkpoint
from mmoe.export.verify.ladder import VerifyOptions, verify
from mmoe.export.verify.text import bundled_text
from tools.readme.figures import ROOT, write_figures
from tools.readme.picture import draw_demo


def main() -> int:
    """Runs one of the two."""
    match sys.argv[1:]:
        case ["figures"]:
            with tempfile.TemporaryDirectory() as folder:
                artifact = convert(bundled_checkpoint(), Path(folder) / "artifact")
                options = VerifyOptions(compare_regrouped=True)
                write_figures(verify(artifact, bundled_checkpoint(), bundled_text(), options=options))
        case ["picture"]:
            with tempfile.TemporaryDirectory() as folder:
                draw_demo(ROOT / "docs" / "demo.svg", Path(folder))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


sys.exit(main())
