#!/bin/bash
# Trains Mini-LLM's three families, made small, for 200 steps in float32 with 1, 2 and 4 processes, in the fast order of sums and in the fixed one,
# and says how far the losses of several processes are from those of one, and whether the weights are byte for byte the same.
#   bench/hosts/losses.sh FOLDER [STEPS [RECIPE…]]        INK="dotnet …/ink.dll" LAUNCHER=mpirun.openmpi|mpiexec.hydra
# Exit code 1 where the fixed order gives other bytes.
set -euo pipefail
folder=${1:?a folder to work in}
steps=${2:-200}
recipes=("${@:3}")
((${#recipes[@]})) || recipes=(mini_llama3 mini_deepseekv3 mini_qwen3_next)
read -ra ink <<< "${INK:-ink}"
launcher=${LAUNCHER:-mpirun.openmpi}
placing=()
[[ $launcher == *openmpi* ]] && placing=(--oversubscribe --bind-to none)
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 TERM=dumb
mkdir -p "$folder"
cd "$folder"
say() { "${ink[@]}" "$@" --quiet --force > /dev/null; }
if [[ ! -d tokens ]]; then
    say data world --bytes 600000 --families 4 --out world
    say data prepare --input world/world.jsonl --valid-ratio 0.01 --out text
    say tokenizer train --input text --vocab-size 1024 --pattern qwen2 --special-token "<|endoftext|>" --out tokenizer
    say tokenize --tokenizer tokenizer --input text --out tokens
fi
size="--model.hidden_size 128 --model.intermediate_size 352"
declare -A sizes=(
    [mini_llama3]="$size --model.num_hidden_layers 3 --model.num_attention_heads 2 --model.num_key_value_heads 1"
    [mini_deepseekv3]="$size --model.num_hidden_layers 3 --model.num_attention_heads 2 --model.num_key_value_heads 2 --model.q_lora_rank 64
        --model.kv_lora_rank 64 --model.first_k_dense_replace 1 --model.moe_intermediate_size 96 --model.n_routed_experts 4 --model.n_group 2"
    [mini_qwen3_next]="$size --model.num_hidden_layers 4 --model.layer_types [linear_attention,linear_attention,linear_attention,full_attention]
        --model.num_attention_heads 2 --model.num_key_value_heads 1 --model.linear_num_key_heads 2 --model.linear_num_value_heads 2
        --model.linear_key_head_dim 32 --model.linear_value_head_dim 32 --model.mlp_only_layers [0] --model.num_experts 4
        --model.moe_intermediate_size 96 --model.shared_expert_intermediate_size 96"
)
losses() { grep -o '"loss": *[0-9.eE+-]*' "$1/metrics.jsonl" | sed 's/.*: *//'; }
other=0
for recipe in "${recipes[@]}"; do
    for order in fast fixed; do
        for ranks in 1 2 4; do
            run=$recipe-$order-$ranks
            rm -rf "$run"
            start=()
            ((ranks > 1)) && start=("$launcher" -n "$ranks" "${placing[@]}")
            # shellcheck disable=SC2086 # sizes are words
            "${start[@]}" "${ink[@]}" pretrain "$recipe" ${sizes[$recipe]} --model.vocab_size 1024 --tokenizer tokenizer --data.train tokens --data.valid tokens \
                --data.sequence_length 64 --train.steps "$steps" --train.batch_size 2 --train.accumulation 4 --train.precision fp32 --schedule.warmup_steps 20 \
                --train.eval_every "$steps" --train.eval_batches 4 --train.sample_every 0 --train.save_every 0 --distributed.order "$order" --out "$run" \
                --threads 1 --quiet > /dev/null < /dev/null
            ((ranks == 1)) && continue
            apart=$(paste <(losses "$recipe-$order-1") <(losses "$run") \
                | awk '{ d = ($1 - $2) / $1; if (d < 0) d = -d; if (d > m) { m = d; at = NR } n++ } END { printf "%d losses, at most %.1e apart (step %d)", n, m, at }')
            same="other weights"
            last=$(printf 'checkpoints/step-%06d/model.safetensors' "$steps")
            if cmp -s "$recipe-$order-1/$last" "$run/$last"; then
                same="the same weights"
            elif [[ $order == fixed ]]; then
                other=1
            fi
            echo "$recipe, $order, $ranks processes: $apart, $same"
        done
    done
done
exit $other
