"""What a checkpoint is: documents, components, metrics, provenance, versions. Pure."""
