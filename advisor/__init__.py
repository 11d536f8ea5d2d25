"""LLM Serving Advisor: which engine, weights format, hardware and settings for a workload, and what a request costs."""

__version__ = "0.1.0"

__all__: list[str] = []
