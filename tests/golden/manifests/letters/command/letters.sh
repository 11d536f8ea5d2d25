#!/bin/sh
# vLLM 0.33.0, Qwen/Qwen3-32B fp8-block, 2 x 1 H100
# Rendered from a plan by llm-serving-advisor; `advisor check` reads it back.
# llm-serving-advisor: name=letters replicas=2 devices=1 model=Qwen/Qwen3-32B quantization=fp8-block device=h100-sxm version=0.33.0 backend=cuda
#
# --max-model-len=16384: longest request 16,200 tokens (15,000 in + 1,200 out)
# --max-num-seqs=64: 34 typical requests fill the KV pool
# expect in the log:
#   GPU KV cache size: about 158,000 (152,000-161,000) tokens
# start-up budget 280 s: about 91 s (60-150, modelled) x 3 safety; 34.3 GB from a disk of 3 GB/s
set -eu
: "${VLLM_API_KEY:?set it to the key that clients send; keep it in a file that only you can read}"
export VLLM_API_KEY
export HF_HUB_OFFLINE=1
export TRANSFORMERS_OFFLINE=1
export VLLM_NO_USAGE_STATS=1
export DO_NOT_TRACK=1
exec vllm serve \
  /models/Qwen3-32B-FP8 \
  --host=127.0.0.1 \
  --port=8000 \
  --served-model-name=Qwen/Qwen3-32B \
  --max-model-len=16384 \
  --max-num-seqs=64 \
  --enable-prefix-caching \
  --tensor-parallel-size=1
