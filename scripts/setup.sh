#!/usr/bin/env bash
# Installs what is missing, and only that: setup.sh run|test|bench|web
#   run    what building the program needs
#   test   that, and what the tests and gates need
#   bench  what building needs, and the programs that the benchmarks compare with
#   web    the page's packages alone
# Where something cannot be installed from here, says what to do, and exits with 1.
set -euo pipefail
cd "$(dirname "$0")/.."

purpose=${1:-test}
# The versions that are needed; the Rust version is the one in Cargo.toml.
node_needed=20.19
cargo_deny_version=0.20.2

say() { printf 'setup: %s\n' "$*"; }
fail() {
    printf 'setup: %s\n' "$@" >&2
    exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }
# at_least HAVE WANT: compares versions number by number.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }
is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# Debian packages that are missing for $purpose, one a line.
missing_packages() {
    has cc || echo build-essential
    has make || echo make
    has git || echo git
    # The JPEG library's vector code is assembled with it.
    has nasm || echo nasm
    # The codecs of meshes are C++.
    has g++ || echo g++
    case $purpose in
    test)
        has chromium || echo chromium
        has tmux || echo tmux
        has python3 || echo python3
        python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
        # The IIIF validator loads it.
        is_installed libmagic1 || is_installed libmagic1t64 || ldconfig -p | grep -q 'libmagic\.so\.1' || echo libmagic1
        # Draws on the processor, so that wgpu has something to draw on.
        compgen -G '/usr/share/vulkan/icd.d/lvp_icd*' >/dev/null || echo mesa-vulkan-drivers
        ;;
    bench)
        has nginx || [ -x /usr/sbin/nginx ] || echo nginx-light
        has lighttpd || [ -x /usr/sbin/lighttpd ] || echo lighttpd
        has wrk || echo wrk
        is_installed libopenimageio-dev || echo libopenimageio-dev
        [ -x /usr/lib/iipimage-server/iipsrv.fcgi ] || echo iipimage-server
        python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
        ;;
    esac
}

install_packages() {
    local packages
    mapfile -t packages < <(missing_packages)
    [ "${#packages[@]}" -gt 0 ] || return 0

    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        if has sudo && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
            as_root=(sudo)
        else
            fail "these packages are missing and this user may not install them: ${packages[*]}" \
                "run as root: apt-get install ${packages[*]}"
        fi
    fi
    has apt-get || fail "this system has no apt-get; install what corresponds to Debian's packages: ${packages[*]}"

    say "installing ${packages[*]}"
    # RUNLEVEL=1 keeps a package's service from being started; the benchmarks start their own.
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq -o DPkg::Lock::Timeout=300)
    "${apt[@]}" update
    if ! "${apt[@]}" install -y --no-install-recommends "${packages[@]}"; then
        fail "apt-get could not install: ${packages[*]}" "install them by hand and start again"
    fi
}

check_rust() {
    local wanted
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    has cargo || fail "Rust is missing; install version $wanted or newer, for example with rustup"
    local have
    have=$(cargo --version | awk '{print $2}')
    at_least "$have" "$wanted" || fail "cargo is version $have, version $wanted or newer is needed; with rustup: rustup update"
}

check_node() {
    if ! has node || ! has npm; then
        fail "Node.js and npm are missing; install Node.js $node_needed or newer (Debian 13: apt-get install nodejs npm)"
    fi
    local have
    have=$(node --version)
    at_least "${have#v}" "$node_needed" || fail "node is version ${have#v}, version $node_needed or newer is needed"
}

# The page's packages, again only when the lock file is another than the one that was installed.
install_web() {
    check_node
    local sum stamp=web/node_modules/.lock-sum
    sum=$(sha256sum web/package-lock.json)
    if [ "$(cat "$stamp" 2>/dev/null)" != "$sum" ]; then
        say 'installing the packages of the page'
        (cd web && npm ci --no-audit --no-fund --loglevel=error)
        printf '%s\n' "$sum" >"$stamp"
    fi
    # Make compares times, and a checkout may have touched the lock file without changing it.
    touch "$stamp"
}

# install_python LIST VENV: the packages of a list, again only when the list has changed.
install_python() {
    local list=$1 venv=$2 sum
    sum=$(sha256sum "$list")
    if [ "$(cat "$venv/.requirements-sum" 2>/dev/null)" != "$sum" ]; then
        say "installing the Python packages of $list in $venv"
        # A virtual environment holds absolute paths: one that came from elsewhere would not work.
        python3 -m venv --clear "$venv"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$list"
        printf '%s\n' "$sum" >"$venv/.requirements-sum"
    fi
}

install_cargo_deny() {
    local have=0 tools=${XDG_CACHE_HOME:-$HOME/.cache}/pixelbank/tools
    PATH=$tools/bin:$PATH
    if has cargo-deny; then have=$(cargo-deny --version | awk '{print $2}'); fi
    # Older versions cannot read what today's cargo says about a workspace; PyPI has only such a one.
    at_least "$have" 0.18 && return
    # A development build does the same checks and is compiled in a minute instead of five.
    say "building cargo-deny $cargo_deny_version (once, about two minutes)"
    CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug --root "$tools" "cargo-deny@$cargo_deny_version"
}

if [ "$purpose" != web ]; then
    install_packages
    check_rust
fi
install_web
if [ "$purpose" = bench ] && [ -f bench/requirements.txt ]; then
    install_python bench/requirements.txt target/bench-venv
fi
if [ "$purpose" = test ]; then
    install_python scripts/requirements.txt .venv
    install_cargo_deny
    cargo nextest --version >/dev/null 2>&1 ||
        say 'cargo-nextest is not installed: the tests will run with cargo test (cargo install cargo-nextest --locked)'
fi
