#include "run_folder.h"

#include "gradus/tensor/error.h"
#include "gradus/tensor/file.h"
#include "gradus/tensor/from_chars.h"
#include "gradus/tensor/runtime.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <sys/file.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace gradus::train {
namespace {

namespace fs = std::filesystem;
using gradus::detail::fail;
using Json = nlohmann::ordered_json;

constexpr const char* kRunFiles[] = {"weights.safetensors",
                                     "last.safetensors",
                                     "metrics.jsonl",
                                     "config.json",
                                     "summary.json",
                                     "findings.jsonl",
                                     "steps.jsonl",
                                     "preprocess.npz"};
// What observers write while the run goes on (RunStart): its files too, in a stopped run without the others.
constexpr const char* kObserved[] = {"findings.jsonl", "steps.jsonl", "preprocess.npz"};
constexpr const char* kCheckpoint = "checkpoint.safetensors";
constexpr std::string_view kUnfinished = ".unfinished-", kFinished = ".finished", kRemoved = "removed";
constexpr const char* kFormat = "gradus_run";  // the key in config.json that marks a run

[[noreturn]] void refuse(const fs::path& folder, const std::string& why) {
  fail<IoError>("fit",
                fmt::format("expected a folder that the run can be written to, got '{}' ({})", folder.string(), why));
}

/// An empty folder, or one of an earlier run, stopped or not.
bool is_free(const fs::path& folder) {
  bool empty = true;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    empty = empty && (name.starts_with(kUnfinished) || name == kFinished || name == kCheckpoint ||
                      std::find(std::begin(kObserved), std::end(kObserved), name) != std::end(kObserved));
  }
  if (empty) return true;
  for (const char* name : kRunFiles)
    if (fs::is_directory(folder / name)) return false;
  std::ifstream config(folder / "config.json");
  return Json::parse(config, nullptr, false).contains(kFormat);
}

/// The folder, open and locked, if it is there, nobody else has locked it, and its file system has locks; or -1.
int lock(const fs::path& folder, int how) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0 || flock(file, how) == 0) return file;
  ::close(file);
  return -1;
}

/// Takes what a finished run wrote to its place, and removes the names that it lists. Done again after it was cut
/// short at whatever point, it comes to the same.
void take_up(const fs::path& folder) {
  const fs::path from = folder / kFinished;
  std::ifstream removed(from / kRemoved);
  for (std::string name; std::getline(removed, name);) fs::remove(folder / name);
  for (const char* name : kRunFiles)
    if (fs::exists(from / name)) fs::rename(from / name, folder / name);
  gradus::detail::force_to_disk("fit", folder.string());
}

/// The number that a folder's name is, or 0.
int number_of(const fs::path& folder) {
  const std::string name = folder.filename().string();
  return std::max(gradus::detail::from_text<int>(name).value_or(0), 0);
}

}  // namespace

RunFolder::RunFolder(const std::string& out, const std::string& runs) {
  if (!out.empty() && !runs.empty())
    fail<ArgumentError>("fit", fmt::format("expected out or runs, got both: '{}' and '{}'", out, runs));
  if (out.empty() && runs.empty()) return;
  const fs::path asked = out.empty() ? runs : out;
  try {
    if (out.empty())
      make_numbered(asked);
    else
      make(asked);
    open();
  } catch (const fs::filesystem_error& error) {
    give_up();
    refuse(asked, error.code().message());
  } catch (...) {
    give_up();
    throw;
  }
}

RunFolder::~RunFolder() { give_up(); }

void RunFolder::give_up() noexcept {
  std::error_code ignored;
  if (!unfinished_.empty()) fs::remove_all(unfinished_, ignored);
  unfinished_.clear();
  if (lock_ >= 0) ::close(lock_);
  lock_ = -1;
  // Not if something has been put there in the meantime: only empty folders can be removed like
  // this.
  for (auto it = made_.rbegin(); it != made_.rend(); ++it) fs::remove(*it, ignored);
  made_.clear();
}

void RunFolder::make(const fs::path& folder) {
  std::vector<fs::path> missing;
  for (fs::path at = fs::absolute(folder).lexically_normal(); !fs::exists(at); at = at.parent_path())
    if (at.has_filename()) missing.push_back(at);
  made_.reserve(missing.size() + 1);  // so that what is made is noted
  for (auto it = missing.rbegin(); it != missing.rend(); ++it)
    if (fs::create_directory(*it)) made_.push_back(*it);
  if (!fs::is_directory(folder)) refuse(folder, "not a folder");
  folder_ = folder;
}

void RunFolder::make_numbered(const fs::path& runs) {
  make(runs);
  int last = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(runs)) last = std::max(last, number_of(entry.path()));
  do {
    folder_ = runs / fmt::format("{:04}", ++last);
  } while (!fs::create_directory(folder_));  // another run took it first
  made_.push_back(folder_);
  latest_ = runs / "latest";
}

void RunFolder::open() {
  detail::complete_run(folder_.string());
  if (!is_free(folder_)) refuse(folder_, "it holds other files than a run's");
  const int all = lock(folder_, LOCK_EX);  // until ours is locked, lest another that begins takes it for abandoned
  remove_abandoned();
  std::string name = (folder_ / fmt::format("{}XXXXXX", kUnfinished)).string();
  const int error = mkdtemp(name.data()) == nullptr ? errno : 0;
  if (error == 0) lock_ = lock(unfinished_ = name, LOCK_EX | LOCK_NB);
  if (all >= 0) ::close(all);
  if (error != 0) refuse(folder_, std::error_code(error, std::generic_category()).message());
}

/// What a run left that was killed: a live one's is locked.
void RunFolder::remove_abandoned() const {
  std::vector<fs::path> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_))
    if (entry.path().filename().string().starts_with(kUnfinished)) found.push_back(entry.path());
  for (const fs::path& path : found) {
    const int file = lock(path, LOCK_EX | LOCK_NB);
    if (file < 0) continue;
    std::error_code ignored;
    fs::remove_all(path, ignored);
    ::close(file);
  }
}

void RunFolder::write(std::string_view name, std::string_view text) const {
  gradus::detail::write_file("fit", file(name), text, gradus::detail::OnDisk::later);
}

void RunFolder::show(std::string_view name, std::string_view text) const noexcept {
  try {
    if (exists()) write(name, text);
  } catch (const std::exception&) {  // it is written once more at the end
  }
}

std::string RunFolder::keep() {
  made_.clear();
  return (folder_ / kCheckpoint).string();
}

void RunFolder::keep_observed() {
  if (!exists() || fs::exists(folder_ / "config.json")) return;  // those of an earlier run stay with it
  for (const char* name : kObserved) {
    if (!fs::exists(unfinished_ / name)) continue;
    std::error_code error;  // a record only: the checkpoint is what matters
    fs::rename(unfinished_ / name, folder_ / name, error);
    if (!error) made_.clear();
  }
}

void RunFolder::take_observed() {
  if (!exists() || fs::exists(folder_ / "config.json")) return;
  std::error_code error;
  for (const char* name : kObserved) fs::copy_file(folder_ / name, unfinished_ / name, error);
}

void RunFolder::publish() {
  if (!exists()) return;
  const fs::path finished = folder_ / kFinished;
  try {
    std::string removed;
    const auto remove = [&](const char* name) {
      if (fs::exists(folder_ / name)) removed += fmt::format("{}\n", name);
    };
    for (const char* name : kRunFiles)
      if (!fs::exists(unfinished_ / name)) remove(name);
    remove(kCheckpoint);
    write(kRemoved, removed);
    for (const fs::directory_entry& entry : fs::directory_iterator(unfinished_))
      gradus::detail::force_to_disk("fit", entry.path().string());
    gradus::detail::force_to_disk("fit", unfinished_.string());
    fs::rename(unfinished_, finished);  // from here on this is the run, whatever happens
    unfinished_.clear();
    take_up(folder_);
    for (const fs::path& made : made_) gradus::detail::force_to_disk("fit", made.parent_path().string());
  } catch (const fs::filesystem_error& error) {
    refuse(folder_, error.code().message());
  }
  made_.clear();
  std::error_code error;
  if (!latest_.empty()) {  // a help only: no reason to fail
    const fs::file_status status = fs::symlink_status(latest_, error);
    if (!fs::exists(status) || fs::is_symlink(status)) {
      const fs::path link = finished / "latest";
      fs::create_symlink(folder_.filename(), link, error);
      if (!error) fs::rename(link, latest_, error);
    }
  }
  fs::remove_all(finished, error);
  give_up();
}

void detail::complete_run(const std::string& folder) {
  const fs::path finished = fs::path(folder) / kFinished;
  std::error_code error;
  if (!fs::exists(finished, error)) return;
  const int file = lock(finished, LOCK_EX);  // one that is alive does it itself
  try {
    take_up(folder);
    fs::remove_all(finished, error);
  } catch (const fs::filesystem_error& failed) {
    error = failed.code();
  }
  if (file >= 0) ::close(file);
  if (error)
    fail<IoError>(
        "run",
        fmt::format("expected a folder in which the files of a run that was killed as it ended can take their "
                    "places, got '{}' ({})",
                    folder,
                    error.message()));
}

namespace {

void put(Json& json, const char* prefix, const Score& score) {
  json[std::string(prefix) + "_loss"] = score.loss;
  json[std::string(prefix) + "_accuracy"] = score.accuracy;
  json[std::string(prefix) + "_r2"] = score.r2;
}

}  // namespace

std::string config_json(const FitOptions& options, const data::SourceSplits& rows, const Record& record, double lr) {
  Json json{{kFormat, 1}};
  for (const auto& [key, value] : options.notes) std::visit([&, &name = key](const auto& v) { json[name] = v; }, value);
  const auto put_once = [&](const char* key, auto value) {
    if (!json.contains(key)) json[key] = value;
  };
  put_once("epochs", options.epochs);
  put_once("batch", options.batch);
  put_once("lr", lr);
  put_once("seed", record.seed);
  put_once("shuffle", options.shuffle || options.sampler);
  put_once("threads", num_threads());
  put_once("deterministic", is_deterministic());
  put_once("train_rows", rows.train.size);
  put_once("validation_rows", rows.validation.size);
  put_once("test_rows", rows.test.size);
  // Paths and names of the user's need not be UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string metrics_jsonl(const Record& record) {
  std::string lines;
  for (const EpochRecord& epoch : record.history) {
    Json json{{"epoch", epoch.epoch}};
    put(json, "train", epoch.train);
    put(json, "validation", epoch.validation);
    put(json, "test", epoch.test);
    json["lr"] = epoch.lr;
    json["seconds"] = epoch.seconds;
    lines += json.dump() + "\n";
  }
  return lines;
}

std::string summary_json(const Record& record, const Divergence& divergence) {
  Json json{{"status", divergence.epoch == 0 ? "finished" : "diverged"}};
  if (divergence.epoch != 0) {
    json["diverged_epoch"] = divergence.epoch;
    json["diverged_step"] = divergence.step;
    json["diverged_loss"] = fmt::format("{}", divergence.loss);  // JSON has no infinity
  }
  put(json, "test", record.test);
  put(json, "validation", record.validation);
  put(json, "train", record.train);
  json["epochs"] = record.history.size();
  json["best_epoch"] = record.best_epoch;
  json["seconds"] = record.seconds;
  json["parameters"] = record.parameters;
  json["seed"] = record.seed;
  return json.dump(2) + "\n";
}

}  // namespace gradus::train
