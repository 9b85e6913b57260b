"""Execute docs/walkthrough.ipynb, and compare what its cells show, or save it with ``--write``.

Runs in a temporary folder with a kernel of this Python, which needs requirements/notebook.txt
besides the lock. Compared are the lines of each output with their numbers left out: times and the
voices of another version of espeak-ng differ, what the cells are about does not.
"""

import argparse
import difflib
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbclient
import nbformat

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "docs" / "walkthrough.ipynb"
NUMBER = re.compile(r"\d+(?:[ ,.]\d+)*")
LIMIT_S = 600
"""A cell that takes longer is an error."""


def executed(path: Path) -> Any:  # noqa: ANN401 - a notebook of nbformat, which has no types
    """Run all cells of a notebook in an empty folder, and return it with their outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: if a cell raises.
    """
    notebook = nbformat.read(path, as_version=4)
    paths = [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        place = {"metadata": {"path": folder}}
        nbclient.NotebookClient(notebook, timeout=LIMIT_S, resources=place).execute()
    for number, cell in enumerate(notebook.cells, 1):
        cell["id"] = f"cell-{number}"
        cell.metadata.pop("execution", None)  # when it ran
        if "outputs" in cell:
            cell.outputs = _merged(cell.outputs)
        for output in cell.get("outputs", ()):
            if "text/html" in output.get("data", {}):
                output.data.pop("text/plain")  # the same, for readers of the source only
    return notebook


def _merged(outputs: list[Any]) -> list[Any]:
    """Join what one stream printed in pieces, which depends on time."""
    joined: list[Any] = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if output.output_type == "stream" and output.get("name") == last.get("name"):
            last["text"] += output.text
        else:
            joined.append(output)
    return joined


def shown(notebook: Any) -> list[str]:  # noqa: ANN401 - as above
    """List the lines of all outputs, numbers left out."""
    lines = []
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            text = data.get("text/html") or output.get("text") or data.get("text/plain", "")
            text = re.sub(r"<[^>]+>", "\n", text)
            lines += [NUMBER.sub("0", line.strip()) for line in text.splitlines() if line.strip()]
    return lines


def main() -> int:
    """Compare the notebook or save it; return 1 if it shows something else."""
    parser = argparse.ArgumentParser(description="Execute docs/walkthrough.ipynb.")
    parser.add_argument("--write", action="store_true", help="save the actual outputs")
    options = parser.parse_args()
    made = executed(NOTEBOOK)
    if options.write:
        nbformat.write(made, NOTEBOOK)
        return 0
    saved = nbformat.read(NOTEBOOK, as_version=4)
    told = list(difflib.unified_diff(shown(saved), shown(made), "saved", "shown", lineterm="", n=1))
    print(*told, sep="\n")
    return int(bool(told))


if __name__ == "__main__":
    sys.exit(main())
