"""What requests and answers are made of, whatever they are about."""
