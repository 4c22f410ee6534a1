"""Words of the tables that more than one module of the room needs. Constants only: imported by the read path."""

from __future__ import annotations

APPLICATION_ID = 0x434B5049
"""`PRAGMA application_id` of every catalog: the letters CKPI."""

GROUPS = ("backbone", "architecture", "decoder", "head", "loss", "experiment", "dataset", "root")
"""Columns a ranking can group by."""

PROMOTED = (("hmean", "max"), ("precision", "max"), ("recall", "max"), ("validation_loss", "min"))
"""Headline metrics with a column of their own, and which end is better."""

FACETS = (*GROUPS, "format", "source", "saved_as", "split", "training_phase", "read_state", "sidecar_state")
"""Columns whose values among present rows the writer counts (facets with metric ''). Counts per metric are kept for
`GROUPS` only. Besides these, facet field 'presence' counts all rows whatever their presence, and '' the whole."""
