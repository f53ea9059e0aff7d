"""What `benchmarks/orchestration.py` is made of: graphs, the stack they run on, what is measured, and reports."""
