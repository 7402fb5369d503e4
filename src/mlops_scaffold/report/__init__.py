"""Results as text. Nothing here prints."""
