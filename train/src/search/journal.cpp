#include "journal.h"

#include "record.h"

#include "gradus/tensor/file.h"
#include "gradus/tensor/parse_json.h"

#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace gradus::train {

using gradus::detail::fail;
using Json = nlohmann::ordered_json;

namespace {

constexpr const char* kFormat = "gradus_search";  // the key that marks a journal
constexpr int kVersion = 1;
constexpr auto kPatience = std::chrono::seconds(1);  // a killed search takes a moment to end

std::string text_of(const Method& method) {
  if (const auto* m = std::get_if<Random>(&method)) return fmt::format("random, {} trials", m->trials);
  if (const auto* m = std::get_if<Sobol>(&method)) return fmt::format("sobol, {} trials", m->trials);
  if (const auto* m = std::get_if<Grid>(&method)) return fmt::format("grid, {} points", m->points);
  if (const auto* m = std::get_if<Halving>(&method))
    return fmt::format("halving, {} trials, eta {}, least {}", m->trials, m->eta, m->least);
  const auto& m = std::get<Hyperband>(method);
  return fmt::format("hyperband, eta {}, least {}", m.eta, m.least);
}

std::string header_line(const Identity& identity) {
  Json json{{kFormat, kVersion}};
  for (const auto& [name, text] : identity) json[name] = text;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

Identity identity(const Space& space, const Method& method, const SearchOptions& options) {
  Identity list;
  std::string parameters;
  for (const Hyperparameter& parameter : space.parameters())
    parameters += fmt::format("{}{}", parameters.empty() ? "" : "; ", to_string(parameter));
  list.emplace_back("space", parameters);
  list.emplace_back("method", text_of(method));
  list.emplace_back("seed", fmt::format("{}", options.seed));
  list.emplace_back("budget", fmt::format("{}", options.budget));
  list.emplace_back("goal", options.maximize ? "maximize" : "minimize");
  list.emplace_back(
      "fine",
      options.fine > 0 ? fmt::format("{} trials in {}", options.fine, options.fine_share) : std::string("none"));
  list.emplace_back("prune", options.prune > 0 ? fmt::format("{}", options.prune) : std::string("none"));
  list.emplace_back("round", fmt::format("{}", options.round));
  for (const auto& [name, text] : options.notes) list.emplace_back(name, text);
  return list;
}

Journal::Journal(std::string path, const Identity& identity, const Space& space, CallSite site)
    : path_(std::move(path)), site_(site) {
  if (path_.empty()) return;
  file_ = ::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0) refuse(std::strerror(errno));
  try {
    struct stat status{};
    if (fstat(file_, &status) != 0 || !S_ISREG(status.st_mode)) refuse("no regular file");
    lock();
    read(identity, space);
  } catch (...) {
    ::close(file_);
    throw;
  }
}

Journal::~Journal() { release(); }

void Journal::release() {
  if (file_ >= 0) ::close(file_);
  file_ = -1;
}

void Journal::refuse(const std::string& got) const {
  fail<IoError>(
      "Search", fmt::format("expected a journal of a search, or room for one, at '{}', got {}", path_, got), site_);
}

/// For as long as this process has the file open.
void Journal::lock() const {
  const auto begin = std::chrono::steady_clock::now();
  while (flock(file_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return;  // a file system without locks
    if (std::chrono::steady_clock::now() - begin > kPatience) refuse("one that another search is writing to");
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

/// ArgumentError for the first of the names on either side that differ.
void Journal::compare(const Json& mine, const Json& other) const {
  const auto text = [](const Json& json, const std::string& name) -> std::string {
    const auto at = json.find(name);
    return at == json.end() ? "none" : at->is_string() ? at->get<std::string>() : at->dump();
  };
  for (const Json* side : {&mine, &other})
    for (const auto& [name, value] : side->items())
      if (const std::string wanted = text(mine, name), got = text(other, name); wanted != got)
        fail<ArgumentError>(
            "Search",
            fmt::format("expected a journal of a search with {} {}, got one with {} in {}", name, wanted, got, path_),
            site_);
}

void Journal::read(const Identity& identity, const Space& space) {
  const std::string text = gradus::detail::read_file("Search", path_);
  std::size_t at = 0;
  const auto next_line = [&]() -> std::optional<std::string_view> {
    const std::size_t end = text.find('\n', at);
    if (end == std::string::npos) return {};
    const std::string_view line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    return line;
  };
  const std::string header = header_line(identity);
  const auto first = next_line();
  if (!first) {
    // Empty, or a first line that was torn; anything else is a file of the user's.
    if (!header.starts_with(text) && !text.starts_with(fmt::format("{{\"{}\":", kFormat))) refuse("another file");
  } else {
    const Json json = gradus::detail::parse_json<Json>(*first);
    if (!json.is_object() || !json.contains(kFormat)) refuse("another file");
    if (json[kFormat] != kVersion) refuse(fmt::format("one of version {}", json[kFormat].dump()));
    compare(Json::parse(header), json);
    for (int line = 2; const auto next = next_line(); ++line) {
      auto trial = trial_from_json(gradus::detail::parse_json<Json>(*next), space);
      if (!trial || trials_.contains(trial->number)) refuse(fmt::format("a damaged one (line {})", line));
      trials_.emplace(trial->number, std::move(*trial));
    }
  }
  if (at < text.size() && ftruncate(file_, static_cast<off_t>(at)) != 0) refuse(std::strerror(errno));
  if (first) return;
  write(header);
  const std::filesystem::path folder = std::filesystem::path(path_).parent_path();
  gradus::detail::force_to_disk("Search", folder.empty() ? "." : folder.string());  // its name is there, too
}

void Journal::append(const TrialResult& trial) {
  if (file_ < 0) return;
  write(to_json(trial).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

void Journal::write(const std::string& line) const {
  // A write may take a part only, at the end of the room on the disk; then the rest says why.
  for (std::size_t done = 0; done < line.size();) {
    const ssize_t n = ::write(file_, line.data() + done, line.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) refuse(std::strerror(errno));
    done += static_cast<std::size_t>(n);
  }
  if (fsync(file_) != 0 && errno != EINVAL) refuse(std::strerror(errno));
}

}  // namespace gradus::train
