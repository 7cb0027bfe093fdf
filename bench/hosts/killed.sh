#!/bin/bash
# Kills one process of a training run (kill -9) at a random moment, again and again, each time in a run of its own; goes on with --resume, with
# another number of processes every other time, and holds weights and moments against those of one process that nobody stopped.
#   bench/hosts/killed.sh FOLDER [TIMES] [STEPS]      INK="dotnet …/ink.dll" LAUNCHER=mpirun.openmpi|mpiexec.hydra SEED=1
# FOLDER has the tokens that bench/hosts/losses.sh makes there. Exit code 1 where others live for more than 30 s or bytes differ.
set -euo pipefail
folder=${1:?a folder to work in}
times=${2:-20}
steps=${3:-300}
read -ra ink <<< "${INK:-ink}"
launcher=${LAUNCHER:-mpirun.openmpi}
placing=()
[[ $launcher == *openmpi* ]] && placing=(--oversubscribe --bind-to none)
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 TERM=dumb
RANDOM=${SEED:-1}
cd "$folder"
recipe=(pretrain mini_llama3 --model.hidden_size 64 --model.intermediate_size 176 --model.num_hidden_layers 2 --model.num_attention_heads 2 --model.num_key_value_heads 1
    --model.vocab_size 1024 --tokenizer tokenizer --data.train tokens --data.valid tokens --data.sequence_length 64 --train.steps "$steps" --train.batch_size 2
    --train.accumulation 4 --train.precision fp32 --schedule.warmup_steps 20 --train.eval_every 50 --train.eval_batches 2 --train.sample_every 0 --train.save_every 7
    --train.keep 2 --distributed.order fixed --threads 1 --quiet)
train() { # RANKS RUN …
    local start=()
    (($1 > 1)) && start=("$launcher" -n "$1" "${placing[@]}")
    "${start[@]}" "${ink[@]}" "${recipe[@]}" --out "${@:2}" > /dev/null 2>> "$2.err" < /dev/null
}
below() { # all processes that PID started, at any depth
    local child
    for child in $(pgrep -P "$1" || true); do echo "$child"; below "$child"; done
}
last=$(printf 'checkpoints/step-%06d' "$steps")
rm -rf killed-*
train 1 killed-one
whole=$(grep -o '"seconds":[0-9.]*' killed-one/metrics.jsonl | awk -F: '{ s += $2 } END { print s }')
failed=0
for ((i = 1; i <= times; i++)); do
    ranks=$((i % 2 ? 2 : 4)) run=killed-$i
    others=$ranks
    ((i % 4 > 1)) && others=$((ranks == 2 ? 4 : 1))
    train $ranks $run &
    job=$!
    while [[ ! -s $run/metrics.jsonl ]] && kill -0 $job 2> /dev/null; do sleep 0.05; done
    sleep "$(awk "BEGIN { print 0.9 * $RANDOM / 32768 * $whole }")"
    mapfile -t found < <(for p in $(below $job); do grep -qza 'ink\|dotnet' "/proc/$p/cmdline" 2> /dev/null && ! grep -qza 'mpi\|hydra' "/proc/$p/comm" && echo "$p"; done)
    if ((${#found[@]} == 0)) || ! kill -9 "${found[RANDOM % ${#found[@]}]}" 2> /dev/null; then
        echo "$i: it had ended before"
        wait $job || true
        continue
    fi
    dead=$EPOCHREALTIME code=0
    wait $job || code=$?
    seconds=$(awk "BEGIN { printf \"%.1f\", $EPOCHREALTIME - $dead }")
    had=$(ls $run/checkpoints 2> /dev/null | tail -1 || true)
    train $others $run --resume
    verdict="the same bytes"
    for file in model.safetensors optimizer.state; do
        cmp -s "killed-one/$last/$file" "$run/$last/$file" || { verdict="OTHER $file"; failed=1; }
    done
    awk "BEGIN { exit !($seconds > 30) }" && failed=1
    ((code == 0)) && failed=1
    echo "$i: one of $ranks killed behind ${had:-nothing}, the others ended in $seconds s (exit code $code); gone on with $others: $verdict"
    rm -rf "$run"
done
exit $failed
