"""What `hub up` does, a module per concern; supervisor.py tells the story."""
