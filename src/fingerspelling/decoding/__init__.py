"""What the model's outputs spell."""
