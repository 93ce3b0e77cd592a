"""Many cards at once: into the storage and out of it, and putting together what is the same."""
