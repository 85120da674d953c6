"""What does a model answer, and how good is that? Predictions, metrics, localization."""
