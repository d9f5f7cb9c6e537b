"""All that the hub holds of one customer: handed out whole, or overwritten where it is personal."""
