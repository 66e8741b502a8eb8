#!/bin/bash
# replay.sh - each kept crash, and the seeds, through the fuzz target once more
set -u
shopt -s nullglob
cd "${SRCDIR:-.}" || exit 1
exec "${BUILDDIR:-.}/tests/fuzz/replay" tests/fuzz/corpus/* tests/schema/good/* tests/schema/bad/* \
	tests/data/*.json bundles/*/config.json
