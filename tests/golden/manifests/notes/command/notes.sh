#!/bin/sh
# llama.cpp b11549, Qwen/Qwen3-8B Q4_K_M, 1 x 1 CPU
# Rendered from a plan by llm-serving-advisor; `advisor check` reads it back.
# llm-serving-advisor: name=notes replicas=1 devices=0 model=Qwen/Qwen3-8B quantization=Q4_K_M device=cpu version=b11549 backend=cpu
#
# --ctx-size 32768: 4 requests share it
# --kv-unified: without it every slot gets an equal, smaller share of the context
# expect in the log:
#   llama_kv_cache: size = 4,608 MiB
# start-up budget 280 s: about 91 s (60-150, modelled) x 3 safety; 34.3 GB from a disk of 3 GB/s
set -eu
: "${LLAMA_API_KEY:?set it to the key that clients send; keep it in a file that only you can read}"
export LLAMA_API_KEY
export LLAMA_ARG_OFFLINE=1
exec llama-server \
  --model /models/Qwen3-8B-Q4_K_M.gguf \
  --host 127.0.0.1 \
  --port 8080 \
  --alias Qwen/Qwen3-8B \
  --ctx-size 32768 \
  --parallel 4 \
  --kv-unified \
  --fit off
