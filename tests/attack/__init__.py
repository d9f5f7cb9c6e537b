"""What an attacker does to the running stack, as one bounded suite (docs/security.md says what is promised)."""
