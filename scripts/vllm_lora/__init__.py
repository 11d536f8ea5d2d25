"""What vLLM reserves for LoRA adapters, asked of the engine."""
