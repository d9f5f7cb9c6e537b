"""What is measured. Each runs in a process of its own; the peers in the virtual environment of the peers."""
