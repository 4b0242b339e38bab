#include "plan.h"
#include "record.h"

#include "gradus/tensor/text.h"
#include "gradus/train/cross_validation.h"
#include "gradus/train/search_results.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace gradus::train {

using gradus::detail::fail;

namespace {

constexpr double kBorder = 0.05;      // of a range's width
constexpr double kManyFailed = 0.25;  // of the trials
constexpr std::size_t kWidest = 60;   // columns of a reason

/// A real number in four digits, or what it is.
std::string brief(const Value& value) {
  if (const auto* real = std::get_if<double>(&value)) return fmt::format("{:.4g}", *real);
  return to_string(value);
}

/// Columns as wide as their widest cell; numbers to the right.
std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows[0].size());
  for (const auto& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], gradus::detail::columns(row[c]));
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::string pad(widths[c] - gradus::detail::columns(row[c]), ' ');
      if (c > 0) line += "  ";
      if (c + 1 < row.size()) line += pad;  // the last column holds words
      line += row[c];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string quoted(const std::string& field) {
  if (field.find_first_of(",\"\n\r") == std::string::npos) return field;
  std::string text = "\"";
  for (const char c : field) text += c == '"' ? "\"\"" : std::string(1, c);
  return text + "\"";
}

std::string shown_reason(const TrialResult& trial) {
  if (trial.status == TrialStatus::finished) return {};
  std::string reason = trial.reason.substr(0, trial.reason.find('\n'));
  if (gradus::detail::columns(reason) > kWidest) {
    std::size_t end = 0;
    for (std::size_t shown = 0; end < reason.size(); ++end)
      if ((reason[end] & 0xC0) != 0x80 && ++shown >= kWidest) break;
    reason = reason.substr(0, end) + "…";
  }
  return fmt::format("{}: {}", to_string(trial.status), reason);
}

/// "lr = 0.09 is near the upper end of 1e-06..0.1"
std::string border_warning(const Space& space, std::size_t i, const Value& value) {
  const Hyperparameter& parameter = space.parameters()[i];
  if (std::holds_alternative<Choice>(parameter.domain)) return {};
  bool low = false, high = false;
  if (const auto* whole = std::get_if<Integer>(&parameter.domain)) {
    if (whole->low == whole->high) return {};
    low = std::get<std::int64_t>(value) == whole->low, high = std::get<std::int64_t>(value) == whole->high;
  } else {
    const double at = space.coordinate(i, value);
    low = at < kBorder, high = at > 1 - kBorder;
  }
  if (!low && !high) return {};
  return fmt::format("the best {}, {}, is at the {} end of {}: better ones may lie beyond it",
                     parameter.name,
                     brief(value),
                     low ? "lower" : "upper",
                     to_string(parameter));
}

std::string fold_warning(const TrialResult& best, bool maximize) {
  if (best.folds.empty()) return {};
  const auto fold = mean_and_spread(best.folds).outlier(maximize);
  if (!fold) return {};
  std::vector<double> others = best.folds;
  others.erase(others.begin() + static_cast<std::ptrdiff_t>(*fold));
  const CrossValidation rest = mean_and_spread(std::move(others));
  return fmt::format("trial {} owes its value to fold {}, which gave {:.4g}, the others {:.4g} ± {:.2g}",
                     best.number,
                     *fold + 1,
                     best.folds[*fold],
                     rest.mean,
                     rest.spread);
}

}  // namespace

std::vector<const TrialResult*> SearchResults::ranked() const {
  std::vector<const TrialResult*> list;
  for (const TrialResult& trial : trials) list.push_back(&trial);
  std::stable_sort(list.begin(), list.end(), [&](const TrialResult* a, const TrialResult* b) {
    if (a->status != b->status) return a->status < b->status;
    if (a->status != TrialStatus::finished) return a->number < b->number;
    if (a->budget != b->budget) return a->budget > b->budget;
    return is_better(*a, *b, maximize);
  });
  return list;
}

const TrialResult& SearchResults::best(CallSite site) const {
  const auto list = ranked();
  if (list.empty() || list[0]->status != TrialStatus::finished) {
    const std::string why = list.empty() ? "none" : fmt::format("{} without: {}", list.size(), list[0]->reason);
    fail<ArgumentError>("best", fmt::format("expected a trial that finished, got {}", why), site);
  }
  return *list[0];
}

std::string SearchResults::table() const {
  const bool budgets =
      std::any_of(trials.begin(), trials.end(), [&](const TrialResult& t) { return t.budget != trials[0].budget; });
  const bool folds = std::any_of(trials.begin(), trials.end(), [](const TrialResult& t) { return !t.folds.empty(); });
  std::vector<std::vector<std::string>> rows(1, {"trial", "value"});
  if (folds) rows[0].emplace_back("± spread");
  if (budgets) rows[0].emplace_back("budget");
  for (const Hyperparameter& parameter : space.parameters()) rows[0].push_back(parameter.name);
  rows[0].emplace_back();
  for (const TrialResult* trial : ranked()) {
    const bool finished = trial->status == TrialStatus::finished;
    std::vector<std::string> row{std::to_string(trial->number), finished ? fmt::format("{:.5g}", trial->value) : "-"};
    if (folds)
      row.push_back(trial->folds.empty() ? "-" : fmt::format("± {:.2g}", mean_and_spread(trial->folds).spread));
    if (budgets) row.push_back(fmt::format("{:.4g}", trial->budget));
    for (const auto& [name, value] : trial->values.entries()) row.push_back(value ? brief(*value) : "-");
    row.push_back(shown_reason(*trial));
    rows.push_back(std::move(row));
  }
  return aligned(rows);
}

std::string SearchResults::csv() const {
  std::string text = "trial,configuration,budget,seed,status,value,spread,seconds,reason";
  for (const Hyperparameter& parameter : space.parameters()) text += fmt::format(",{}", quoted(parameter.name));
  text += "\n";
  for (const TrialResult& t : trials) {
    text += fmt::format("{},{},{},{},{},{},{},{:.3f},{}",
                        t.number,
                        t.configuration,
                        t.budget,
                        t.seed,
                        to_string(t.status),
                        t.status == TrialStatus::finished ? fmt::format("{}", t.value) : "",
                        t.folds.empty() ? "" : fmt::format("{}", mean_and_spread(t.folds).spread),
                        t.seconds,
                        quoted(t.reason));
    for (const auto& [name, value] : t.values.entries())
      text += fmt::format(",{}", value ? quoted(to_string(*value)) : "");
    text += "\n";
  }
  return text;
}

std::string SearchResults::jsonl() const {
  std::string text;
  for (const TrialResult& trial : trials)
    text += to_json(trial).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  return text;
}

std::vector<std::string> SearchResults::warnings() const {
  std::vector<std::string> list;
  const auto add = [&](std::string warning) {
    if (!warning.empty()) list.push_back(std::move(warning));
  };
  const auto order = ranked();
  if (!order.empty() && order[0]->status == TrialStatus::finished) {
    const auto& entries = order[0]->values.entries();
    for (std::size_t i = 0; i < entries.size(); ++i)
      if (entries[i].second) add(border_warning(space, i, *entries[i].second));
    add(fold_warning(*order[0], maximize));
  }
  const auto failed =
      std::count_if(trials.begin(), trials.end(), [](const TrialResult& t) { return t.status == TrialStatus::failed; });
  if (static_cast<double>(failed) > kManyFailed * static_cast<double>(trials.size()))
    add(fmt::format("{} of {} trials failed, the last because: {}", failed, trials.size(), order.back()->reason));
  return list;
}

}  // namespace gradus::train
