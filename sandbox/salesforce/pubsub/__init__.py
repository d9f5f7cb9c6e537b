"""Salesforce's Pub/Sub API, played: change events and platform events over gRPC (salesforce.md, section 5)."""
