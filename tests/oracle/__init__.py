"""What PyTorch answers, recorded by scripts/record_oracle.py, and replayed on the engine without PyTorch."""
