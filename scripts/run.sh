#!/usr/bin/env bash
# Serves PHOTOS with the release build, or sample photographs, which are made the first time; called by `make run`.
set -euo pipefail
cd "$(dirname "$0")/.."

program=target/release/pixelbank
# `make run PHOTOS=~/Pictures` comes unexpanded from some shells.
folder=${PHOTOS/#\~\//$HOME/}

if [ -z "$folder" ]; then
    folder=samples
    if [ ! -d samples ]; then
        printf '==> making %s sample photographs in samples/\n' "$SAMPLE_COUNT"
        # Under another name until it is whole: an interrupted run must not leave half a set behind.
        rm -rf target/samples.partial
        "$program" sample target/samples.partial --count "$SAMPLE_COUNT" --megapixels "$SAMPLE_MEGAPIXELS"
        mv target/samples.partial samples
    fi
fi

options=()
[ -z "$PORT" ] || options+=(--port "$PORT")
[ -z "$MEMORY" ] || options+=(--memory "$MEMORY")
exec "$program" serve "$folder" "${options[@]}"
