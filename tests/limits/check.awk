# awk -f check.awk file…: a file has at most 500 lines, a function 60, or a comment "// Long: why" in its first lines or
# right above it. Rows of a table, between "= {", "return {" or "name{" and its "}", are no lines of a function. Reads
# what clang-format writes: a function begins at the last line before its "}" with that line's indentation.

FNR == 1 && NR > 1 { check() }
{ file = FILENAME; line[n = FNR] = $0 }
END {
  check()
  if (errors) exit 1
  print files + 0 " files are within the limits"
}

function indent(text) { return match(text, /[^ ]/) ? RSTART - 1 : -1 }

# Whether a comment above line i says why what begins there is long.
function is_excused(i) {
  while (--i > 0 && line[i] ~ /^ *(\/\/|template|requires|static_assert)/)
    if (line[i] ~ /^ *\/\/+ Long: ./) return 1
  return 0
}

function complain(where, what) {
  print where ": " what
  errors = 1
}

function check(i, at, rows, table, last, begin, count, outer) {
  ++files
  if (n > 500) {
    for (i = 1; i <= 5 && line[i] !~ /^\/\/+ Long: ./; ++i) {}
    if (i > 5) complain(file, n " lines, at most 500")
  }
  count[0] = 0
  table = -1
  for (i = 1; i <= n; ++i) {
    at = indent(line[i])
    if (table == at && line[i] ~ /^ *}/) table = -1
    count[i] = count[i - 1] + (table < 0)
    if (table < 0 && line[i] ~ /(= |return |[A-Za-z0-9_>])\{$/) table = at
    begin[i] = line[i] ~ /^ *}$/ ? last[at] : 0
    if (at >= 0 && line[i] !~ /^ *(#|}.*[^{]$|}$)/) last[at] = i
  }
  outer = n + 1  # the first line of the function around
  for (i = n; i > 0; --i)
    if (i < outer && begin[i] && count[i] - count[begin[i] - 1] > 60 && line[begin[i]] !~ /^ *(namespace|extern)/) {
      outer = begin[i]
      if (!is_excused(outer))
        complain(file ":" outer, "a function of " count[i] - count[outer - 1] " lines, at most 60")
    }
  delete last
  n = 0
}
