"""What a checkpoint is: documents, components, metrics, provenance, versions. Pure; refuses to know disks, clocks and databases."""
