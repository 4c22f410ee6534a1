"""What trainers log beside their checkpoints: one file per stack."""
