# The steps of ./dev test, read by it. A step whose part of the tree does not exist yet is left
# out; one that exists and runs no test fails.

# What make tells of its progress.
NOISE='^  (CC|CCLD|AR|GEN)  |^ar: .u. modifier'

# step TITLE COMMAND…: says when and what, lets the output through, and keeps it for the count.
step() {
    local status=0
    printf '\n=== [%4d s] %s\n' $(($(date +%s) - STARTED)) "$1"
    STEP=$((${STEP:-0} + 1))
    touch "$TALLY/$STEP.start"
    # A shell of its own: inside "a || b" this one would pass by what fails within a.
    ./dev --run "${@:2}" </dev/null 2>&1 | grep --line-buffered -vE "$NOISE" | tee "$TALLY/$STEP.out"
    status=${PIPESTATUS[0]}
    if [ "$status" != 0 ]; then
        echo "=== failed: $1"
        echo "0 1" >"$TALLY/$STEP.count"
    fi
    return "$status"
}

# tests WHERE TITLE COMMAND…: a step that runs tests. make leaves their results in the build
# directory WHERE; '-': the output tells.
tests() {
    local status=0
    step "${@:2}" || status=1
    scripts/tally --step "$TALLY/$STEP" "$1" || status=1
    return "$status"
}

unit_threads() {
    local name programs=
    do_build tsan
    for name in inbox udp loop stats log; do
        if grep -q "tests/unit/test_$name\b" Makefile.am; then
            programs="$programs tests/unit/test_$name"
        fi
    done
    make -s -C build-tsan -j"$JOBS" $programs
    steady make -s -C build-tsan -j"$JOBS" check-TESTS TESTS="$programs"
}

distcheck() {
    make -s -C build distcheck DISTCHECK_CONFIGURE_FLAGS="--enable-werror CFLAGS=-O0" \
        >build/distcheck.log 2>&1 || {
        tail -n 60 build/distcheck.log
        return 1
    }
    tail -n 4 build/distcheck.log
}

# What `make install` puts down is exactly the list that packages are made from.
installed_files() {
    local root
    root=$(mktemp -d)
    make -s -C build install DESTDIR="$root" >/dev/null
    (cd "$root" && find . -type f -o -type l) | sed 's/^\.//' | sort >"$root.found"
    grep -v '^#' tests/installed.txt | sort | diff -u - "$root.found" || {
        echo "make install and tests/installed.txt differ"
        return 1
    }
    echo "$(wc -l <"$root.found") files, as listed"
    rm -rf "$root" "$root.found"
}

all_steps() {
    step "what the machine needs" do_deps || return 1
    tests - "lint" do_lint all || return 1
    step "build" do_build || return 1
    step "build for address and undefined-behaviour sanitizers" do_build asan || return 1
    if has_target check-unit; then
        tests build-asan "unit tests, allocations failing in turn, sanitized" do_unit asan || return 1
    fi
    if has_target check-sim; then
        tests build-asan "simulation, sanitized" do_sim asan || return 1
    fi
    if has_target check-fuzz; then
        tests build-asan "corpora replayed, sanitized" make_check check-fuzz asan || return 1
    fi
    step "build for the thread sanitizer" do_build tsan || return 1
    if grep -qE 'tests/unit/test_(inbox|udp)\b' Makefile.am; then
        tests build-tsan "unit tests of what threads share, thread sanitizer" unit_threads || return 1
    fi
    if has_files 'tests/e2e/test_*.py'; then
        BREAKWATER_WORKERS=2 tests - "end to end, two workers, thread sanitizer" do_e2e tsan || return 1
        tests - "end to end, sanitized" do_e2e asan || return 1
    fi
    if [ -f tests/bench/refresh.py ]; then
        step "instructions of an absorbed refresh" do_bench refresh --guard || return 1
    fi
    if [ -f tests/installed.txt ]; then
        step "make install" installed_files || return 1
    fi
    step "make distcheck" distcheck || return 1
}
