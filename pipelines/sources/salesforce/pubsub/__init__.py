"""Salesforce's Pub/Sub API. `pubsub_api_pb2` is generated from the .proto beside it; a test keeps the two alike."""
