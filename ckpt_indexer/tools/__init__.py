"""Plans over checkpoints and their documents: convert, validate, migrate metadata, doctor. Plan first, then act."""
