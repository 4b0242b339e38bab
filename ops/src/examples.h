#pragma once

// What the examples/ of the families are written in.

#include "family.h"

#include <utility>
#include <vector>

namespace gradus::detail {

using In = std::span<const Tensor>;
using Examples = std::vector<Example>;

/// A call of f with one input and these arguments.
template <auto f, class... A>
auto with(A... arguments) {
  return [=](In in) { return f(in[0], arguments...); };
}

inline Examples joined(Examples all, const Examples& more) {
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

struct ExampleRow {
  const char* name;
  Formula formula;
  Examples examples;
};

template <const auto& rows, std::size_t i>
Examples examples_of() {
  return rows[i].examples;
}

/// Entries of a static array of ExampleRow, without the ops' types.
template <const auto& rows>
std::vector<OpEntry> entries() {
  return []<std::size_t... i>(std::index_sequence<i...>) {
    return std::vector<OpEntry>{{rows[i].name, nullptr, rows[i].formula, examples_of<rows, i>}...};
  }(std::make_index_sequence<std::size(rows)>());
}

}  // namespace gradus::detail
