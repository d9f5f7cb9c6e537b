"""Salesforce's REST, SOAP login and Bulk API 2.0, as far as the hub and its peers use them."""
