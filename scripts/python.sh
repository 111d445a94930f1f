#!/usr/bin/env bash
# Builds the Python package's wheel, and installs and tests it: python.sh test | libraries | wheel
#   test       a quick build, in an environment of its own (target/python), and the tests there
#   libraries  the same with PyTorch, which brings 5 GB of CUDA's libraries; no library may be missing then
#   wheel      the build that is given away, in target/wheels
set -euo pipefail
cd "$(dirname "$0")/.."

package=bindings/python
environment=target/python
bin=$PWD/$environment/bin

install_environment() {
    local sum
    sum=$(sha256sum "$package/requirements.txt")
    if [ "$(cat "$environment/.requirements-sum" 2>/dev/null)" != "$sum" ]; then
        python3 -m venv --clear "$environment"
        "$bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$package/requirements.txt"
        printf '%s\n' "$sum" >"$environment/.requirements-sum"
    fi
}

# build PROFILE FOLDER
build() {
    rm -rf "$2"
    "$bin/maturin" build --manifest-path "$package/Cargo.toml" --profile "$1" --out "$2" ${CI:+--locked}
}

install_environment
case ${1:-test} in
wheel)
    build release target/wheels
    ls -l target/wheels
    ;;
test | libraries)
    if [ "$1" = libraries ]; then
        "$bin/python" -m pip install --quiet --disable-pip-version-check torch==2.15.0
        export PIXELBANK_ALL_LIBRARIES=1
    fi
    build dev target/python/wheel
    "$bin/python" -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps target/python/wheel/*.whl
    "$bin/ruff" format --check "$package"
    "$bin/ruff" check "$package"
    cd "$package"
    # The source tree must not be found in place of what was installed.
    "$bin/python" -P -m pytest tests --timeout 300 -p no:cacheprovider
    ;;
esac
