"""Notebooks run in a kernel, as Jupyter does it."""

import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient

PATIENCE = 300
"""Seconds that one cell may take on a busy machine."""


def execute(notebook, folder):
    """Run every cell in a new kernel whose folder is `folder`.

    Raises:
        CellExecutionError: A cell raised.
    """
    place = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, timeout=PATIENCE, kernel_name="python3", resources=place)
    client.execute(env=os.environ | {"GEMCHAIN_GRACE": "0", "IPYTHONDIR": str(Path(folder) / "ipython")})
    return notebook


def made_of(*cells):
    """A notebook with these cells of code."""
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])


def outputs(notebook):
    """What each cell of code shows: pairs of the stream, or `value`, and the text."""
    return [
        [(each.get("name", "value"), each.get("text") or each["data"]["text/plain"]) for each in cell.outputs]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]
