"""The notebook runs from start to end, and its pictures show something."""

import base64
import io
import pathlib

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

NOTEBOOK = pathlib.Path("notebooks/quickstart.ipynb")


@pytest.mark.slow
def test_it_executes_from_start_to_end(monkeypatch):
    monkeypatch.setenv("JAXGAN_NOTEBOOK_STEPS", "2000")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    pictures = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(output["data"]["image/png"]))).convert("L"))
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 6  # data, training, losses, samples, lines, nearest training images
    assert all(picture.std() > 20 for picture in pictures)


def test_it_is_committed_without_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in notebook.cells)
