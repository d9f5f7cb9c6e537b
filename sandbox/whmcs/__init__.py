"""WHMCS's classic API, read side. Source: developer documentation, see docs and README for the quirks."""
