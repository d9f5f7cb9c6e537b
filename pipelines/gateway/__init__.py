"""What must pass through to a source at once: nothing here is stored."""
