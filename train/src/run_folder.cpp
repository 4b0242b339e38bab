#include "run_folder.h"

#include "gradus/tensor/error.h"
#include "gradus/tensor/file.h"
#include "gradus/tensor/from_chars.h"
#include "gradus/tensor/runtime.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

namespace gradus::train {
namespace {

namespace fs = std::filesystem;
using gradus::detail::fail;
using Json = nlohmann::ordered_json;

constexpr const char* kFiles[] = {
    "weights.safetensors", "last.safetensors", "metrics.jsonl", "config.json", "summary.json"};
// What observers write while the run goes on (RunStart): its files too, in a stopped run without the others.
constexpr const char* kObserved[] = {"findings.jsonl", "steps.jsonl", "preprocess.npz"};
constexpr const char* kCheckpoint = "checkpoint.safetensors";
constexpr std::string_view kUnfinished = ".unfinished-";
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
    empty = empty && (name.starts_with(kUnfinished) || name == kCheckpoint ||
                      std::find(std::begin(kObserved), std::end(kObserved), name) != std::end(kObserved));
  }
  if (empty) return true;
  for (const char* name : kFiles)
    if (fs::is_directory(folder / name)) return false;
  std::ifstream config(folder / "config.json");
  return Json::parse(config, nullptr, false).contains(kFormat);
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
  // Not if something has been put there in the meantime: only empty folders can be removed like
  // this.
  for (auto it = made_.rbegin(); it != made_.rend(); ++it) fs::remove(*it, ignored);
  made_.clear();
}

void RunFolder::make(const fs::path& folder) {
  std::vector<fs::path> missing;
  for (fs::path at = fs::absolute(folder).lexically_normal(); !fs::exists(at); at = at.parent_path())
    if (at.has_filename()) missing.push_back(at);
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
  if (!is_free(folder_)) refuse(folder_, "it holds other files than a run's");
  std::string name = (folder_ / fmt::format("{}XXXXXX", kUnfinished)).string();
  if (mkdtemp(name.data()) == nullptr) refuse(folder_, std::error_code(errno, std::generic_category()).message());
  unfinished_ = name;
}

void RunFolder::write(std::string_view name, std::string_view text) const {
  gradus::detail::write_file("fit", file(name), text);
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
  try {
    const auto take = [&](const char* name) {
      if (fs::exists(unfinished_ / name))
        fs::rename(unfinished_ / name, folder_ / name);
      else
        fs::remove(folder_ / name);
    };
    for (const char* name : kFiles) take(name);
    for (const char* name : kObserved) take(name);
    fs::remove(folder_ / kCheckpoint);
  } catch (const fs::filesystem_error& error) {
    refuse(folder_, error.code().message());
  }
  made_.clear();
  if (!latest_.empty()) {  // a help only: no reason to fail
    std::error_code error;
    const fs::file_status status = fs::symlink_status(latest_, error);
    if (!fs::exists(status) || fs::is_symlink(status)) {
      const fs::path link = unfinished_ / "latest";
      fs::create_symlink(folder_.filename(), link, error);
      if (!error) fs::rename(link, latest_, error);
    }
  }
  give_up();
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
