# awk -f scripts/cases.awk LastTest.log: the cases inside the GoogleTest programs, which CTest does not count: which
# failed, and why some were skipped. Brief output tells how many passed and were skipped, and names those that failed.
/^[0-9]+\/[0-9]+ Testing: / { test = $0; sub(/^[^:]*: /, "", test); cases = 0 }
/^\[  PASSED  \] [0-9]+ test/ { passed += $4 }
/^\[  SKIPPED \] [0-9]+ test/ { skipped += $4 }
/^\[  FAILED  \] .* \([0-9]+ ms\)$/ {
  sub(/^\[  FAILED  \] /, "")
  names[++failed] = $0
  ++cases
}
/: Skipped$/ { getline; ++reasons[$0] }
/^Test Failed\.$/ && !cases { outside[++others] = test }
END {
  printf "GoogleTest cases: %d passed, %d skipped, %d failed\n", passed, skipped, failed
  for (i = 1; i <= failed; ++i) printf "  failed: %s\n", names[i]
  for (i = 1; i <= others; ++i) printf "  failed as a whole: %s\n", outside[i]
  for (reason in reasons) printf "  skipped %d: %s\n", reasons[reason], reason
}
