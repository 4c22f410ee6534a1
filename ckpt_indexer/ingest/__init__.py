"""The one writer's work: decide what a change means, read what is new, hand rows to the store."""
