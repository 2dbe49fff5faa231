"""Network architectures: nothing here trains."""
