#pragma once

#include "gradus/inspect/view.h"

#include <vector>

namespace gradus::graph {

int depth_of(const Scope* scope);
/// The innermost scope that both are in.
const Scope* common_scope(const Scope* a, const Scope* b);

/// The scopes of a view in preorder, children as they first appear on the tape.
struct ScopeTree {
  struct Row {
    const Scope* scope = nullptr;  // null in the first row: outside any
    int depth = 0;
    std::size_t parent = 0;          // row
    std::vector<std::size_t> nodes;  // directly in it, in tape order
  };
  std::vector<Row> rows;

  explicit ScopeTree(const View& view);
};

}  // namespace gradus::graph
