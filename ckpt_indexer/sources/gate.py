"""Where the quick way ends: only a document that is proved to be its file's and leaves nothing open spares asking the
others, who need children."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_indexer.errors import NeedsChild
from ckpt_indexer.metadata.record import SidecarState
from ckpt_indexer.sources.base import Cost
from ckpt_indexer.sources.chain import is_complete

if TYPE_CHECKING:
    from ckpt_indexer.candidate import Candidate
    from ckpt_indexer.sources.base import Said


class Gate:
    """A source that knows nothing and lets pass only what needs no reader."""

    name = "header"
    cost = Cost.INLINE

    def find(self, candidate: Candidate, said: Said) -> None:  # noqa: ARG002  # what was said decides
        """Return None when the document is verified and complete.

        Raises:
            NeedsChild: the file must be read, and perhaps what lies around it.
        """
        verified = any(finding.sidecar_state is SidecarState.VERIFIED for finding in said.findings)
        if not verified or not is_complete(said.findings):
            raise NeedsChild("only a limited child may read the file itself")
