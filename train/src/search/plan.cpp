#include "plan.h"

#include "sobol.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace gradus::train {

using gradus::detail::fail;

namespace {

// Keys of the streams that are split off a search's generator.
constexpr std::uint64_t kCoarseStream = 1, kFineStream = 2, kTrialStream = 3;
constexpr int kMostRungs = 100;     // of a halving
constexpr double kRounding = 1e-9;  // of eta^k, so that 3^4 / 3 counts as 27

int count(double x) { return static_cast<int>(std::floor(x * (1 + kRounding))); }

/// The rungs of a halving that starts with n trials and has its whole budget after s promotions.
std::vector<Rung> halving(double n, int s, double eta, double budget) {
  std::vector<Rung> rungs;
  for (int i = 0; i <= s; ++i)
    if (const int trials = count(n * std::pow(eta, -i)); trials > 0)
      rungs.push_back({trials, budget * std::pow(eta, i - s)});
  return rungs;
}

/// floor(log_eta x) up to kMostRungs, exact where x is a power.
int whole_log(double x, double eta) {
  int s = 0;
  for (double power = eta; s < kMostRungs && power <= x * (1 + kRounding); power *= eta) ++s;
  return s;
}

/// ArgumentError unless eta > 1 and 0 < least <= budget, all finite, and budget / least <= eta^kMostRungs.
void check_rungs(double eta, double least, double budget, CallSite site) {
  const auto check = [&](bool well, const char* expected) {
    if (!well)
      fail<ArgumentError>(
          "Search", fmt::format("expected {}, got eta {}, least {}, budget {}", expected, eta, least, budget), site);
  };
  check(eta > 1 && least > 0 && least <= budget && std::isfinite(eta) && std::isfinite(budget),
        "eta > 1 and 0 < least <= budget");
  check(std::isfinite(budget / least) && std::log(budget / least) <= kMostRungs * std::log(eta),
        "budget <= eta^100 least");
}

void check_total(const std::vector<std::vector<Rung>>& list, CallSite site) {
  double total = 0;
  for (const auto& rungs : list)
    for (const Rung& rung : rungs) total += rung.trials;
  if (total > kMostTrials)
    fail<ArgumentError>("Search", fmt::format("expected at most {} trials in all, got {}", kMostTrials, total), site);
}

std::vector<Rung> rungs_of(const Halving& method, double budget) {
  const int s = std::min(whole_log(method.trials, method.eta), whole_log(budget / method.least, method.eta));
  return halving(method.trials, s, method.eta, budget);
}

/// Rounds, if what is drawn next depends on them.
std::vector<std::vector<Rung>> rounds_of(int trials, const SearchOptions& options) {
  const int size = options.fine > 0 || options.prune > 0 ? options.round : trials;
  std::vector<std::vector<Rung>> rounds;
  for (int left = trials; left > 0; left -= size) rounds.push_back({{std::min(left, size), options.budget}});
  return rounds;
}

std::vector<std::vector<Rung>> brackets_of(const Method& method, const SearchOptions& options, std::size_t grid_size) {
  const double budget = options.budget;
  if (const auto* random = std::get_if<Random>(&method)) return rounds_of(random->trials, options);
  if (const auto* sobol = std::get_if<Sobol>(&method)) return rounds_of(sobol->trials, options);
  if (std::holds_alternative<Grid>(method)) return {{{static_cast<int>(grid_size), budget}}};
  if (const auto* halves = std::get_if<Halving>(&method)) return {rungs_of(*halves, budget)};
  return brackets(std::get<Hyperband>(method), budget);
}

Values at_random(const Space& space, const Generator& generator, int index) {
  Generator own = generator.split(static_cast<std::uint64_t>(index));
  std::vector<double> place(space.size());
  for (double& coordinate : place) coordinate = own.uniform();
  return space.at(place);
}

}  // namespace

void check_halving(const Halving& method, double budget, CallSite site) {
  check_rungs(method.eta, method.least, budget, site);
  check_total({rungs_of(method, budget)}, site);
}

std::vector<std::vector<Rung>> brackets(const Hyperband& method, double budget, CallSite site) {
  const auto& [eta, least] = method;
  check_rungs(eta, least, budget, site);
  const int most = whole_log(budget / least, eta);
  std::vector<std::vector<Rung>> list;
  for (int s = most; s >= 0; --s) {
    const double n = std::ceil((most + 1.0) / (s + 1) * std::pow(eta, s) * (1 - kRounding));
    if (n > kMostTrials)
      fail<ArgumentError>(
          "Search", fmt::format("expected at most {} trials in all, got {} in a bracket", kMostTrials, n), site);
    list.push_back(halving(n, s, eta, budget));
  }
  check_total(list, site);
  return list;
}

bool is_better(const TrialResult& a, const TrialResult& b, bool maximize) {
  if (a.value != b.value) return maximize ? a.value > b.value : a.value < b.value;
  return a.number < b.number;
}

Plan::Plan(const Space& space, const Method& method, const SearchOptions& options)
    : space_(space), options_(options), even_(std::holds_alternative<Sobol>(method)) {
  std::size_t combinations = 0;
  if (const auto* grid = std::get_if<Grid>(&method)) {
    std::vector<Values> all = space.grid(grid->points);
    combinations = all.size();
    draw_ = [all = std::move(all)](int i) { return all[static_cast<std::size_t>(i)]; };
  } else {
    draw_ = draw_from(space, kCoarseStream);
  }
  brackets_ = brackets_of(method, options, combinations);
}

Plan::Draw Plan::draw_from(const Space& space, std::uint64_t stream) const {
  const Generator generator = Generator(options_.seed).split(stream);
  if (even_)
    return [space, seed = Generator(generator).next()](int i) {
      return space.at(sobol_point(static_cast<std::uint32_t>(i), space.size(), seed));
    };
  return [space, generator](int i) { return at_random(space, generator, i); };
}

std::vector<TrialResult> Plan::draw(const Rung& rung, int first, const Draw& from) {
  std::vector<TrialResult> round;
  for (int i = 0; i < rung.trials; ++i) {
    TrialResult trial;
    trial.number = trial.configuration = first + i;
    trial.budget = rung.budget;
    trial.seed = Generator(options_.seed).split(kTrialStream).split(static_cast<std::uint64_t>(trial.number)).next();
    trial.values = from(i);
    round.push_back(std::move(trial));
  }
  return round;
}

std::vector<TrialResult> Plan::promote(const Rung& rung, const std::vector<TrialResult>& done) const {
  std::vector<const TrialResult*> best;
  for (std::size_t i = round_begin_; i < done.size(); ++i)
    if (done[i].status == TrialStatus::finished) best.push_back(&done[i]);
  std::sort(best.begin(), best.end(), [&](const TrialResult* a, const TrialResult* b) {
    return is_better(*a, *b, options_.maximize);
  });
  if (best.size() > static_cast<std::size_t>(rung.trials)) best.resize(static_cast<std::size_t>(rung.trials));
  std::vector<TrialResult> round;
  for (const TrialResult* before : best) {
    TrialResult trial;
    trial.number = static_cast<int>(done.size() + round.size());
    trial.configuration = before->configuration;
    trial.budget = rung.budget;
    trial.seed = before->seed;
    trial.values = before->values;
    round.push_back(std::move(trial));
  }
  return round;
}

std::vector<TrialResult> Plan::fine(const std::vector<TrialResult>& done) {
  const auto share = static_cast<double>(bracket_) / static_cast<double>(brackets_.size());
  const int due = count(options_.fine * share) - fine_;
  const auto finished = [](const TrialResult& t) { return t.status == TrialStatus::finished; };
  if (due <= 0 || std::none_of(done.begin(), done.end(), finished)) return {};
  const SearchResults so_far{space_, options_.maximize, done};
  const Draw around = draw_from(space_.around(so_far.best().values, options_.fine_share), kFineStream);
  std::vector<TrialResult> round =
      draw({due, options_.budget}, static_cast<int>(done.size()), [&](int i) { return around(fine_ + i); });
  for (TrialResult& trial : round) trial.fine = true;
  fine_ += due;
  return round;
}

std::vector<TrialResult> Plan::next(const std::vector<TrialResult>& done) {
  std::vector<TrialResult> round;
  if (rung_ == 0) round = fine(done);
  while (round.empty() && bracket_ < brackets_.size()) {
    const auto& rungs = brackets_[bracket_];
    if (rung_ == 0) {
      round = draw(rungs[0], static_cast<int>(done.size()), [&](int i) { return draw_(coarse_ + i); });
      coarse_ += rungs[0].trials;
    } else {
      round = promote(rungs[rung_], done);
    }
    // A halving ends early where no trial of its last round finished.
    if (++rung_ == rungs.size() || round.empty()) ++bracket_, rung_ = 0;
    if (round.empty()) round = fine(done);
  }
  round_begin_ = done.size();
  return round;
}

}  // namespace gradus::train
