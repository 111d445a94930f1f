#!/usr/bin/env bash
# Runs one named step: step.sh NAME COMMAND...
# Prints a heading before and the time after, keeps the output in target/steps/ for the recap, passes on the exit code.
set -uo pipefail

name=$1
shift
mkdir -p target/steps
printf '\n==> %s\n' "$name"
"$@" </dev/null 2>&1 | tee "target/steps/$name.log"
code=$?
printf '%s %s %s\n' "$name" "$SECONDS" "$code" >>target/steps/times
if [ "$code" -ne 0 ]; then
    printf '\nFAILED: %s (exit code %s, after %s s): %s\n' "$name" "$code" "$SECONDS" "$*" >&2
    exit "$code"
fi
printf '    %s: done in %s s\n' "$name" "$SECONDS"
