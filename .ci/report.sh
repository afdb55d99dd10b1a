# shellcheck shell=bash
# What the stages of .ci/run share: one line per check, and the counts at the end.
#
#   check "a true sentence" COMMAND...    passes if COMMAND exits with 0; prints its output otherwise
#   refuse "a true sentence" COMMAND...   passes if COMMAND exits with another code
#   report STAGE                          prints the counts; its exit code is the stage's
#
# COMMAND must read all of its input: after `... | grep -q`, the writer fails on the closed pipe.

passed=0
failed=0

ok() {
  passed=$((passed + 1))
  printf 'ok - %s\n' "$*"
}

fail() {
  failed=$((failed + 1))
  printf 'FAIL - %s\n' "$*"
}

check() {
  local sentence=$1 output
  shift
  if output=$("$@" 2>&1); then
    ok "$sentence"
  else
    fail "$sentence"
    tail -n 40 <<<"$output" | sed 's/^/    /'
  fi
}

refuse() {
  local sentence=$1 output
  shift
  if output=$("$@" 2>&1); then
    fail "$sentence"
    tail -n 40 <<<"$output" | sed 's/^/    /'
  else
    ok "$sentence"
  fi
}

# Repeats COMMAND twice a second until it succeeds or SECONDS have passed.
within() { # SECONDS COMMAND...
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep 0.5
  done
}

# Installs a cargo subcommand under the cache folder, by version, and prints its path. Link-time
# optimization would double the build time of a program that runs for seconds.
cargo_tool() { # NAME VERSION
  local root="${XDG_CACHE_HOME:-$HOME/.cache}/rocket-otel-demo/$1-$2"
  if [[ ! -x $root/bin/$1 ]]; then
    CARGO_PROFILE_RELEASE_LTO=false CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
      cargo install "$1" --locked --version "$2" --root "$root" >&2 || return
  fi
  printf '%s\n' "$root/bin/$1"
}

report() {
  printf '%s: %d passed, %d failed\n' "$1" "$passed" "$failed"
  ((failed == 0 && passed > 0))
}
