#pragma once

#include "gradus/inspect/view.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::graph {

struct ProfileOptions {
  /// Calls that are kept one by one, for `trace` and `timed`; later ones only count in the tables.
  std::size_t calls = 1'000'000;
};

/// Times every op that this thread runs while it lives, in forward and in backward passes:
///
///     graph::Profile profile;
///     backward(loss(net(x)));
///     fmt::print("{}", profile.table());
///
/// An op counts with all that its forward calls, and its rule with all that it calls: as backward, in
/// the layer and on the line of the op. FLOPs of rules are estimates: one forward for each input that
/// wants a cotangent, two at most.
class Profile {
 public:
  explicit Profile(ProfileOptions options = {});
  ~Profile();
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  /// Of all ops of one name, layer or line.
  struct Sum {
    std::int64_t calls = 0;
    double seconds = 0, flops = 0;
    std::int64_t bytes = 0;  // of results
  };
  struct Row {
    std::string name;
    Sum forward, backward;
    double seconds() const { return forward.seconds + backward.seconds; }
  };
  /// What took most comes first. Backward counts with the op whose rule it is.
  std::vector<Row> by_op() const;
  /// By the innermost layer; "" stands for no layer.
  std::vector<Row> by_layer() const;
  std::vector<Row> by_site() const;
  Row total() const;
  /// Since the start, by the clock.
  double elapsed() const;

  /// The three tables and the total.
  std::string table() const;

  /// The view with `NodeInfo::seconds` as measured for the nodes that were recorded meanwhile.
  View timed(const View& view) const;

  /// All calls as JSON for chrome://tracing or Perfetto: a row of forward and one of backward ops, and
  /// the bytes in use.
  std::string trace() const;
  /// Writes it to a file, whole or not at all. IoError if that can't be done.
  void write_trace(const std::string& path) const;

 private:
  struct Data;
  std::unique_ptr<Data> data_;
};

}  // namespace gradus::graph
GRADUS_EXPORT_END
