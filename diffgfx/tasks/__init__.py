"""One job a module: capture, validation."""
