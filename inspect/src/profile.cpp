#include "gradus/inspect/profile.h"

#include "text.h"

#include "gradus/graph/op.h"
#include "gradus/tensor/file.h"
#include "gradus/tensor/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <iterator>
#include <unordered_map>

namespace gradus::graph {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start, Clock::time_point end) {
  return std::chrono::duration<double>(end - start).count();
}

/// What calls are counted together by.
struct Key {
  const char* op;
  const char* backward_of;  // null in a forward pass
  const Scope* scope;
  const char* file;
  std::uint32_t line;
  bool operator==(const Key&) const = default;
};
struct KeyHash {
  std::size_t operator()(const Key& k) const {
    std::size_t h = k.line;
    for (const void* p : {static_cast<const void*>(k.op),
                          static_cast<const void*>(k.backward_of),
                          static_cast<const void*>(k.scope),
                          static_cast<const void*>(k.file)})
      h = h * 0x9e3779b97f4a7c15U + std::hash<const void*>{}(p);
    return h;
  }
};

struct Call {
  Key key;
  double start, seconds, flops;
  std::int64_t bytes, live;
  std::uint64_t node;  // 0 if none was recorded
  Shape shape;         // of the first result
};

void add(Profile::Sum& to, const Profile::Sum& s) {
  to.calls += s.calls;
  to.seconds += s.seconds;
  to.flops += s.flops;
  to.bytes += s.bytes;
}

std::string path_of(const Scope* scope) { return scope == nullptr ? "" : scope->path(); }

}  // namespace

struct Profile::Data final : detail::OpWatch {
  explicit Data(ProfileOptions o) : options(o) {}
  ~Data() override = default;
  Data(const Data&) = delete;
  Data& operator=(const Data&) = delete;

  void begin() override { began = Clock::now(); }

  void end(const detail::OpCall& call) override {
    const Clock::time_point now = Clock::now();
    const detail::Context& context = detail::context;
    const CallSite site = detail::site_in_force(call.site);
    const Key key{
        call.op.info.name, context.backward_of, static_cast<const Scope*>(context.scope), site.file, site.line};
    in.clear();
    out.clear();
    for (const Tensor* x : call.inputs) in.push_back(x->defined() ? x->shape() : Shape{});
    std::int64_t bytes = 0;
    for (const Tensor& y : call.outputs) {
      out.push_back(y.defined() ? y.shape() : Shape{});
      if (y.defined()) bytes += y.numel() * static_cast<std::int64_t>(size_of(y.dtype()));
    }
    // A rule is told of with cotangents: it takes about one forward for each input that wants one.
    const OpInfo& info = call.op.info;
    const bool rule = key.op == key.backward_of && in.size() == 1 &&
                      (info.arity == kVariadic || out.size() == static_cast<std::size_t>(info.arity));
    double flops = flops_of(call.op, call.attributes, rule ? OpShapes{out, in} : OpShapes{in, out});
    if (rule)
      flops *= static_cast<double>(std::min<std::ptrdiff_t>(2, std::ranges::count_if(call.outputs, &Tensor::defined)));
    const double seconds = since(began, now);
    add(sums[key], {1, seconds, flops, bytes});
    if (calls.size() >= options.calls) return;
    const bool recorded = !call.outputs.empty() && detail::has_node(call.outputs[0]);
    calls.push_back({key,
                     since(started, began),
                     seconds,
                     flops,
                     bytes,
                     memory_stats().live,
                     recorded ? node_of(call.outputs[0])->id() : 0,
                     out.empty() ? Shape{} : out[0]});
  }

  template <class Name>
  std::vector<Row> rows(Name&& name) const {
    std::unordered_map<std::string, std::size_t> places;
    std::vector<Row> rows;
    for (const auto& [key, sum] : sums) {
      const auto [at, fresh] = places.emplace(name(key), rows.size());
      if (fresh) rows.push_back({at->first, {}, {}});
      Row& row = rows[at->second];
      add(key.backward_of == nullptr ? row.forward : row.backward, sum);
    }
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
      return a.seconds() != b.seconds() ? a.seconds() > b.seconds() : a.name < b.name;
    });
    return rows;
  }

  ProfileOptions options;
  Clock::time_point started = Clock::now(), began = started;
  std::unordered_map<Key, Sum, KeyHash> sums;
  std::vector<Call> calls;
  std::vector<Shape> in, out;  // kept for their memory
};

Profile::Profile(ProfileOptions options) : data_(std::make_unique<Data>(options)) {}
Profile::~Profile() = default;

std::vector<Profile::Row> Profile::by_op() const {
  return data_->rows([](const Key& k) { return std::string(k.backward_of != nullptr ? k.backward_of : k.op); });
}

std::vector<Profile::Row> Profile::by_layer() const {
  return data_->rows([](const Key& k) { return path_of(k.scope); });
}

std::vector<Profile::Row> Profile::by_site() const {
  return data_->rows([](const Key& k) { return to_string(CallSite{k.file, k.line}); });
}

Profile::Row Profile::total() const {
  Row row{"total", {}, {}};
  for (const auto& [key, sum] : data_->sums) add(key.backward_of == nullptr ? row.forward : row.backward, sum);
  return row;
}

double Profile::elapsed() const { return since(data_->started, Clock::now()); }

std::string Profile::table() const {
  const Row all = total();
  const auto line_of = [&](const Row& row, const char* unnamed) {
    const double seconds = row.seconds(), flops = row.forward.flops + row.backward.flops;
    return TextLine{row.name.empty() ? unnamed : row.name,
                    with_commas(row.forward.calls),
                    time_text(row.forward.seconds),
                    with_commas(row.backward.calls),
                    time_text(row.backward.seconds),
                    fmt::format("{:.1f} %", all.seconds() > 0 ? 100 * seconds / all.seconds() : 0.0),
                    seconds > 0 ? flops_text(flops / seconds) : "-",
                    bytes_text(row.forward.bytes + row.backward.bytes)};
  };
  std::string text;
  const auto part = [&](const char* title, const std::vector<Row>& rows, const char* unnamed) {
    std::vector<TextLine> lines{{title, "calls", "forward", "calls", "backward", "share", "FLOP/s", "results"}};
    for (const Row& row : rows) lines.push_back(line_of(row, unnamed));
    lines.push_back(line_of(all, ""));
    text += table_text(lines, 1) + "\n";
  };
  part("op", by_op(), "");
  part("layer", by_layer(), "(in no layer)");
  part("line", by_site(), "(not known)");
  const double clock = elapsed();
  text += fmt::format(
      "{} by the clock, {:.1f} % of it in ops\n", time_text(clock), clock > 0 ? 100 * all.seconds() / clock : 0.0);
  return text;
}

View Profile::timed(const View& view) const {
  std::unordered_map<std::uint64_t, double> seconds;
  for (const Call& call : data_->calls)
    if (call.node != 0) seconds[call.node] += call.seconds;
  return view.with_seconds([&](const NodeInfo& n) {
    const auto at = seconds.find(n.id);
    return at == seconds.end() ? 0.0 : at->second;
  });
}

std::string Profile::trace() const {
  std::string text = "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n";
  const auto put = [&text](fmt::string_view format, const auto&... values) {
    fmt::vformat_to(std::back_inserter(text), format, fmt::make_format_args(values...));
  };
  for (int row : {1, 2})
    put(R"({{"ph": "M", "pid": 1, "tid": {}, "name": "thread_name", "args": {{"name": "{}"}}}},)"
        "\n",
        row,
        row == 1 ? "forward" : "backward");
  for (const Call& c : data_->calls) {
    const Key& k = c.key;
    const bool back = k.backward_of != nullptr;
    const std::string name = back && k.backward_of != k.op ? fmt::format("{}: {}", k.backward_of, k.op) : k.op;
    put(R"({{"ph": "X", "pid": 1, "tid": {}, "ts": {:.3f}, "dur": {:.3f}, "name": {}, "cat": "{}", )"
        R"("args": {{"layer": {}, "line": {}, "shape": "{}", "flops": {:.0f}, "bytes": {}}}}},)"
        "\n",
        back ? 2 : 1,
        c.start * 1e6,
        c.seconds * 1e6,
        quoted(name),
        back ? "backward" : "forward",
        quoted(path_of(k.scope)),
        quoted(to_string(CallSite{k.file, k.line})),
        to_string(c.shape),
        c.flops,
        c.bytes);
    put(R"({{"ph": "C", "pid": 1, "ts": {:.3f}, "name": "memory", "args": {{"bytes": {}}}}},)"
        "\n",
        (c.start + c.seconds) * 1e6,
        c.live);
  }
  put(R"({{"ph": "M", "pid": 1, "name": "process_name", "args": {{"name": "gradus"}}}})"
      "\n]}}\n");
  return text;
}

void Profile::write_trace(const std::string& path) const { detail::write_file("write_trace", path, trace()); }

}  // namespace gradus::graph
