#include "command.h"

#include "gradus/inspect/dot.h"
#include "gradus/inspect/profile.h"
#include "gradus/nn/model_text.h"
#include "gradus/report/saved_run.h"
#include "gradus/tensor/random.h"

#include <fmt/format.h>
#include <spawn.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <vector>

extern char** environ;

namespace gradus::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kUsage =
    "Draws the graph that one batch leaves: ops by layer, with shapes and what is kept for the "
    "backward pass.\n\n"
    "usage: gradus graph --model TEXT --input SHAPE [--colour BY] [-o FILE]";

constexpr const char* kExamples =
    "Without -o the graph is printed in Graphviz's language. Pictures need Graphviz's program "
    "dot.\n\n"
    "examples\n"
    "  gradus graph --model \"fc 512, bn, relu, fc 10\" --input 1,28,28 -o net.svg\n"
    "  gradus graph --model \"fc 512, relu, fc 10\" --input 784 --colour time -o net.png\n"
    "  gradus graph --model \"fc 8, tanh, fc 1\" --input 2 | dot -Tpdf > net.pdf\n";

constexpr std::int64_t kMostValues = std::int64_t{1} << 28;  // of a batch of inputs

Shape parse_shape(const std::string& text) {
  std::vector<std::int64_t> sizes;
  std::int64_t values = 1;
  const char *at = text.data(), *const end = at + text.size();
  while (true) {
    std::int64_t size = 0;
    const auto [next, error] = std::from_chars(at, end, size);
    if (error != std::errc() || size < 1 || size > kMostValues / values || sizes.size() == kMaxRank - 1 ||
        (next != end && *next != ','))
      throw UsageError(fmt::format("--input: expected the shape of a row, such as 1,28,28, got '{}'", text));
    values *= size;
    sizes.push_back(size);
    if (next == end) return Shape(sizes);
    at = next + 1;
  }
}

/// What ops are coloured by.
struct Colour {
  const char* name;
  graph::Weight weight;
  const char* unit;  // of the largest value, in the title
};
const std::vector<Colour>& colours() {
  static const std::vector<Colour> all{
      {"kind", {}, ""},
      {"none", {}, ""},
      {"time", &graph::NodeInfo::seconds, "s"},
      {"bytes", &graph::NodeInfo::bytes, "B"},
      {"saved", &graph::NodeInfo::saved_bytes, "B"},
      {"flops", &graph::NodeInfo::flops, "FLOPs"},
  };
  return all;
}

/// What the model leaves on the tape for a batch, and how to draw it.
struct Picture {
  graph::View view;
  graph::DotOptions options;
};

Picture picture_of(const std::string& model, const Shape& row, std::int64_t batch, const Colour& colour) {
  Generator generator(0);
  nn::Sequential net = nn::model_from_text(model, row, generator);
  const Tensor input = report::named_batch(net, row, batch);
  Picture picture;
  if (std::string_view(colour.name) == "time") {
    net(input);  // once without a clock: memory and threads are there then
    const graph::Profile profile;
    picture.view = profile.timed(graph::View(net(input)));
  } else {
    picture.view = graph::View(net(input));
  }
  picture.options.color = std::string_view(colour.name) != "none";
  if (colour.weight) {
    double most = 0;
    for (const graph::NodeInfo& n : picture.view.nodes())
      if (!n.is_leaf) most = std::max(most, colour.weight(n));
    picture.options.heat = colour.weight;
    picture.options.title = fmt::format("coloured by {}: red is {:.3g} {}", colour.name, most, colour.unit);
  }
  // A scope is a path; the layer that stands there now says its sizes.
  std::map<std::string, std::string> layers;
  for (const nn::NamedModule& m : named_modules(net)) layers["." + m.name] = m.module.describe();
  picture.options.describe = [layers](const graph::Scope& scope) {
    const std::string path = scope.path();
    const auto at = layers.find(path.substr(std::min(path.find('.'), path.size())));
    return at == layers.end() ? std::string() : at->second;
  };
  return picture;
}

/// Runs Graphviz on a file of DOT. UsageError if it is not installed or fails.
void run_dot(const std::string& format, const std::string& dot_file, const std::string& picture) {
  const std::string type = "-T" + format;
  const char* const command[] = {"dot", type.c_str(), "-o", picture.c_str(), dot_file.c_str(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int error = posix_spawnp(&child, "dot", &actions, nullptr, const_cast<char* const*>(command), environ);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  if (error == 0)
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
  if (error == ENOENT || (WIFEXITED(status) && WEXITSTATUS(status) == 127))
    throw UsageError(
        fmt::format("graph: a picture (.{}) needs Graphviz's program dot, which was not found; -o "
                    "FILE.dot does without",
                    format));
  if (error != 0 || status != 0) throw UsageError(fmt::format("graph: dot could not draw the .{} picture", format));
}

/// A folder of our own next to the picture, removed with all in it.
class Workshop {
 public:
  explicit Workshop(const fs::path& target) {
    std::string name = (fs::absolute(target).parent_path() / ".gradus-graph-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr)
      throw UsageError(fmt::format("graph: expected a file that can be written, got '{}' ({})",
                                   target.string(),
                                   std::error_code(errno, std::generic_category()).message()));
    path_ = name;
  }
  ~Workshop() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;
  std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

void write_picture(const Picture& picture, const std::string& path, const std::string& format) {
  const Workshop workshop(path);
  graph::write_dot(picture.view, workshop.file("net.dot"), picture.options);
  run_dot(format, workshop.file("net.dot"), workshop.file("picture"));
  std::error_code error;
  fs::rename(workshop.file("picture"), path, error);
  if (error)
    throw UsageError(fmt::format("graph: expected a file that can be written, got '{}' ({})", path, error.message()));
}

}  // namespace

int run_graph(const std::vector<std::string>& arguments) {
  po::options_description known("");
  add_option(known, "model", "TEXT", "the layers, as for 'gradus train'");
  add_option(known, "input", "SHAPE", "of a row: 784 or 1,28,28");
  add_option(known, "batch", "N", "rows (64)");
  add_option(known, "colour", "BY", "colour ops by time, bytes, saved, flops, kind or not at all: none (kind)");
  add_option(known, "out,o", "FILE", "net.dot, net.svg, net.png or net.pdf");
  const Options options("graph", known, arguments, kUsage, kExamples);
  if (options.help_shown()) return 0;
  for (const char* needed : {"model", "input"})
    if (!options.has(needed)) throw UsageError(fmt::format("graph: expected --{}, got none", needed));

  const std::string out = options.text("out");
  const std::string extension = fs::path(out).extension().string();
  const std::string format = extension.empty() ? "" : extension.substr(1);
  if (options.has("out") && format != "dot" && format != "svg" && format != "png" && format != "pdf")
    throw UsageError(fmt::format("--out: expected a name in .dot, .svg, .png or .pdf, got '{}'", out));
  const Shape row = parse_shape(options.text("input"));
  const std::int64_t batch = options.whole("batch", 64, 1, std::max<std::int64_t>(1, kMostValues / row.numel()));
  const Colour& colour =
      find_word("--colour: ", "a colour", options.has("colour") ? options.text("colour") : "kind", colours());
  const Picture picture = picture_of(options.text("model"), row, batch, colour);
  if (!options.has("out")) {
    fmt::print("{}", graph::to_dot(picture.view, picture.options));
    return 0;
  }
  if (format == "dot")
    graph::write_dot(picture.view, out, picture.options);
  else
    write_picture(picture, out, format);
  fmt::print("{} nodes drawn to {}\n", picture.view.size(), out);
  return 0;
}

}  // namespace gradus::cli
