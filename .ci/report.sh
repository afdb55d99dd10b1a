# shellcheck shell=bash
# What the stages of .ci/run share: one line a check, and a count at the end.
#
#   check "a sentence that is true" COMMAND...   passes if COMMAND ends with 0; shows its output if not
#   refuse "a sentence that is true" COMMAND...  passes if COMMAND does not
#   report STAGE                                 prints the counts; its status is the stage's
#
# A check reads all that its command says: `COMMAND | grep -q` ends early, and COMMAND fails on the closed pipe.

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

# Asks again, twice a second, until COMMAND ends with 0 or SECONDS are over.
within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep 0.5
  done
}

report() {
  printf '%s: %d passed, %d failed\n' "$1" "$passed" "$failed"
  ((failed == 0 && passed > 0))
}
