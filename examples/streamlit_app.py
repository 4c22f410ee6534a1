"""Choose a checkpoint by what it is, and see what would be loaded.

    streamlit run examples/streamlit_app.py                            # the catalog of the settings in force here
    streamlit run examples/streamlit_app.py -- http://127.0.0.1:8765   # a daemon
    streamlit run examples/streamlit_app.py -- path/to/catalog.db      # a catalog's file

The line that matters: `checkpoint_selectbox`, which returns the row of the checkpoint that is chosen.
"""  # noqa: INP001  # a program, not a package

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import streamlit as st

from ckpt_indexer import CkptIndexerError, connect
from ckpt_indexer.client.streamlit import checkpoint_selectbox

if TYPE_CHECKING:
    from ckpt_indexer.catalog.protocol import Catalog

SNIPPET = """\
import torch

checkpoint = torch.load({path!r}, map_location="cpu", weights_only=True)
"""


@st.cache_resource
def catalog(url: str | None) -> Catalog:
    """Return one catalog for all sessions of the app: it may be shared between threads."""
    return connect(url)


def main() -> None:
    """Show the dropdown and the checkpoint that is chosen."""
    st.title("Inference")
    try:
        opened = catalog(sys.argv[1] if len(sys.argv) > 1 else None)
    except CkptIndexerError as error:
        st.error(error.message)
        st.stop()
    query = st.text_input("Filter", "hmean-", help="backbone:resnet18,resnet50 hmean>0.8 exp:dbnet-* hmean-")
    row = checkpoint_selectbox("Checkpoint", opened, query)
    if row is None:
        st.stop()
    known = {name: row[name] for name in ("hmean", "precision", "recall", "validation_loss") if row[name] is not None}
    if known:
        for column, (name, value) in zip(st.columns(len(known)), known.items(), strict=True):
            column.metric(name, f"{value:.3f}")
    if row["sidecar_state"] == "contradicted":
        st.warning("Its document contradicts the file; the values shown are the file's.")
    st.code(SNIPPET.format(path=row["abs_path"]), language="python")
    st.json(dict(row), expanded=False)


main()
