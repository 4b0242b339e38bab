#pragma once

#include "gradus/inspect/view.h"

#include <functional>
#include <string>

GRADUS_EXPORT_BEGIN
namespace gradus::graph {

struct DotOptions {
  bool saved = true;  // say on each op what its rule keeps, and how many bytes
  bool data = true;   // show inputs that require no gradient, where an op keeps them
  bool color = true;
  std::string title{};  // above the picture
  /// What the title of a layer's box says after its name, if not the scope's own description and the
  /// number of its parameters (all leaves used in it); empty: those.
  std::function<std::string(const Scope&)> describe{};
  /// If given, ops are coloured by it, from pale for 0 to red for the largest: `&NodeInfo::saved_bytes`,
  /// `&NodeInfo::seconds` of a view that a Profile has timed, ….
  Weight heat{};
};

/// The view as a picture in Graphviz's language: layers as nested boxes, leaves in another form
/// than ops, the user's line on each op, shapes on the edges, which run in the direction of
/// computation.
std::string to_dot(const View& view, const DotOptions& options = {});

/// Writes it to a file, whole or not at all. IoError if that can't be done.
void write_dot(const View& view, const std::string& path, const DotOptions& options = {});

}  // namespace gradus::graph
GRADUS_EXPORT_END
