"""Encoders, decoders and heads by the names and shapes of tensors. Pure, a table."""
