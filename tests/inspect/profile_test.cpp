#include "small_ops.h"

#include <gradus/inspect.h>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <unistd.h>

namespace gradus {
namespace {

using graph::Profile;
using graph::ScopeGuard;
using graph::View;
using small::one;

/// Takes a known time.
struct Sleep : Op {
  static constexpr OpInfo info{.name = "sleep"};
  int ms = 0;
  Tensor forward(const Tensor& x) const {
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
    return small::exp(x);  // counts as part of it
  }
  double flops(const OpShapes&) const { return 1000; }
};

/// As the engine runs a rule.
template <class F>
void in_rule(const char* op, F&& f) {
  const detail::Context outer = detail::context;
  detail::context.backward_of = op;
  f();
  detail::context = outer;
}

const Profile::Row& row(const std::vector<Profile::Row>& rows, std::string_view name) {
  for (const auto& r : rows)
    if (r.name == name) return r;
  throw std::runtime_error("no row " + std::string(name));
}

TEST(Profile, CountsCalls) {
  const Tensor w = leaf(ones({5}));
  small::exp(w);  // before
  std::uint32_t line = 0;
  const Profile profile;
  {
    const ScopeGuard net("net");
    const ScopeGuard fc("fc");
    line = __LINE__ + 1;
    for (int i = 0; i < 3; ++i) small::mul(w, w);
  }
  no_grad([&] { return small::exp(w); });
  in_rule("mul", [&] { small::mul(w, w), small::exp(w); });
  const auto ops = profile.by_op();
  ASSERT_EQ(ops.size(), 2U);
  EXPECT_EQ(row(ops, "mul").forward.calls, 3);
  EXPECT_EQ(row(ops, "mul").forward.flops, 15);
  EXPECT_EQ(row(ops, "mul").forward.bytes, 60);
  EXPECT_EQ(row(ops, "mul").backward.calls, 2);  // the exp in its rule too
  EXPECT_EQ(row(ops, "exp").forward.calls, 1);
  EXPECT_EQ(row(ops, "exp").backward.calls, 0);
  const auto layers = profile.by_layer();
  EXPECT_EQ(row(layers, "net.fc").forward.calls, 3);
  EXPECT_EQ(row(layers, "").forward.calls, 1);
  EXPECT_EQ(row(layers, "").backward.calls, 2);
  EXPECT_EQ(row(profile.by_site(), "profile_test.cpp:" + std::to_string(line)).forward.calls, 3);
  EXPECT_EQ(profile.total().forward.calls, 4);
  EXPECT_EQ(profile.total().backward.calls, 2);
  EXPECT_LE(profile.total().seconds(), profile.elapsed());
}

TEST(Profile, MeasuresTime) {
  const Tensor w = leaf(ones({5}));
  const Profile profile;
  const Tensor y = apply(Sleep{{}, 20}, w);
  const Tensor z = small::exp(y);
  const auto ops = profile.by_op();
  EXPECT_EQ(ops[0].name, "sleep");  // what takes most comes first
  EXPECT_GE(ops[0].forward.seconds, 0.019);
  EXPECT_EQ(ops[1].forward.calls, 1);  // not the one within
  const View plain(z), view = profile.timed(plain);
  EXPECT_GE(view[1].seconds, 0.019);
  EXPECT_GT(view[2].seconds, 0);
  EXPECT_LT(view[2].seconds, 0.019);
  EXPECT_EQ(plain[1].seconds, 0);
  EXPECT_EQ(graph::critical_path(view, &graph::NodeInfo::seconds).nodes, (std::vector<std::size_t>{0, 1, 2}));
}

TEST(Profile, Table) {
  const Tensor w = leaf(ones({5}));
  const Profile profile;
  apply(Sleep{{}, 2}, w);
  small::exp(w);
  const std::string text = profile.table();
  for (const char* part :
       {"op ", "layer", "line", "FLOP/s", "sleep", "(in no layer)", "profile_test.cpp:", "total", "by the clock"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  EXPECT_NE(Profile().table().find("total"), std::string::npos);
}

TEST(Profile, KeepsSoManyCalls) {
  const Tensor w = one();
  const Profile profile({.calls = 2});
  for (int i = 0; i < 5; ++i) small::exp(w);
  EXPECT_EQ(profile.total().forward.calls, 5);
  const std::string text = profile.trace();
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find("\"ph\": \"X\"", at)) != std::string::npos; ++at) ++count;
  EXPECT_EQ(count, 2U);
}

/// True for one JSON value and nothing else.
class Json {
 public:
  explicit Json(const std::string& text) : at_(text.c_str()), end_(at_ + text.size()) {}
  bool valid() {
    const bool ok = value();
    space();
    return ok && at_ == end_;
  }

 private:
  void space() {
    while (at_ != end_ && std::isspace(static_cast<unsigned char>(*at_)) != 0) ++at_;
  }
  bool take(char c) {
    space();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  bool string() {
    if (!take('"')) return false;
    for (; at_ != end_ && *at_ != '"'; ++at_) {
      if (static_cast<unsigned char>(*at_) < 0x20) return false;
      if (*at_ == '\\') ++at_;
    }
    return at_++ != end_;
  }
  template <class Item>
  bool list(char close, Item&& item) {
    if (take(close)) return true;
    do
      if (!item()) return false;
    while (take(','));
    return take(close);
  }
  bool value() {
    space();
    if (at_ == end_) return false;
    if (*at_ == '"') return string();
    if (take('{')) return list('}', [this] { return string() && take(':') && value(); });
    if (take('[')) return list(']', [this] { return value(); });
    char* after = nullptr;
    std::strtod(at_, &after);
    const bool number = after != at_;
    at_ = after;
    return number;
  }
  const char *at_, *end_;
};

TEST(Profile, WritesATrace) {
  const Tensor w = leaf(ones({5}));
  const std::string path = testing::TempDir() + "gradus_trace_" + std::to_string(getpid()) + ".json";
  {
    const Profile profile;
    const ScopeGuard odd("a \"quoted\\ \n layer");
    small::exp(w);
    in_rule("exp", [&] { small::mul(w, w); });
    profile.write_trace(path);
  }
  std::ostringstream all;
  all << std::ifstream(path).rdbuf();
  std::filesystem::remove(path);
  const std::string text = all.str();
  EXPECT_TRUE(Json(text).valid()) << text;
  EXPECT_FALSE(Json(text + "}").valid());
  for (const char* part : {"\"name\": \"exp\"",
                           "\"name\": \"exp: mul\"",
                           "\"cat\": \"backward\"",
                           "\"shape\": \"[5]\"",
                           "\"flops\": 5",
                           "\"bytes\": 20",
                           "a \\\"quoted\\\\ \\n layer"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  EXPECT_TRUE(Json(Profile().trace()).valid());
  EXPECT_THROW(Profile().write_trace("/nonexistent/trace.json"), IoError);
}

TEST(Profile, LeavesNoTraceOfItself) {
  const std::int64_t live = memory_stats().live;
  {
    const Profile profile;
    Tensor y = one();
    for (int i = 0; i < 10; ++i) y = small::exp(y);
  }
  EXPECT_EQ(memory_stats().live, live);
  EXPECT_EQ(detail::op_watch, nullptr);
}

}  // namespace
}  // namespace gradus
