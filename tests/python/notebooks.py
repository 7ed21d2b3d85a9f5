"""Runs the notebooks of `examples/notebooks/` in a kernel of their own.

python tests/python/notebooks.py        # writes their outputs into them
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "examples" / "notebooks"


def execute(cells: list[str]) -> Any:
    """A notebook of these cells, executed."""
    made = [nbformat.v4.new_code_cell(cell) for cell in cells]  # type: ignore[no-untyped-call]
    return run(nbformat.v4.new_notebook(cells=made))  # type: ignore[no-untyped-call]


def run(notebook: Any) -> Any:
    """The notebook, executed; a cell that fails raises."""
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    return notebook


def read(path: Path) -> Any:
    return nbformat.read(path, 4)  # type: ignore[no-untyped-call]


def pages(cell: Any) -> list[str]:
    """What a cell shows, as HTML."""
    data = [output.get("data", {}) for output in cell.get("outputs", [])]
    return [one["text/html"] for one in data if "text/html" in one]


if __name__ == "__main__":
    for path in sorted(FOLDER.glob("*.ipynb")):
        notebook = run(read(path))
        for cell in notebook.cells:
            # When a cell ran says nothing to a reader.
            cell.metadata.pop("execution", None)
        nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
