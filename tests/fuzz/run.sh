#!/bin/bash
# run.sh - fuzz for a while: run.sh SECONDS [WORKDIR]
#
# Builds the target with clang's libFuzzer, ASan and UBSan, seeds it from bundles/, tests/schema and
# tests/fuzz/corpus, and runs it. What it finds is left in WORKDIR as crash-*, to be kept under
# tests/fuzz/corpus once it is fixed. Exit 0: nothing found; 77: no clang.
set -eu
seconds=${1:-60}
cd "$(dirname "$0")/../.."
if [ $# -gt 1 ]; then
	work=$2
	mkdir -p "$work"
else
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
fi
command -v clang >/dev/null || { echo "run.sh: no clang"; exit 77; }

mkdir -p "$work/corpus"
n=0
for file in bundles/*/config.json tests/data/*.json tests/schema/{good,bad}/*.json; do
	n=$((n + 1))
	{ printf '\0'; cat "$file"; } >"$work/corpus/seed-$n"
done
clang -std=gnu11 -D_GNU_SOURCE -Iinclude -Isrc -g -O1 -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=undefined -o "$work/fuzz_spec" tests/fuzz/fuzz_spec.c \
	src/base/err.c src/base/fd.c src/base/log.c src/base/str.c src/net/ip.c src/plan/*.c src/spec/*.c -lyajl
cd "$work"
exec ./fuzz_spec -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 \
	-dict="$OLDPWD/tests/fuzz/json.dict" -print_final_stats=1 corpus "$OLDPWD/tests/fuzz/corpus"
