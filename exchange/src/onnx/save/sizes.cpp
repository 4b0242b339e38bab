#include "onnx/save/sizes.h"

#include <set>

namespace gradus::onnx {

std::int64_t value_of(const SizeFormula& f, std::span<const Sizes> atoms, std::size_t recording) {
  const auto at = [&](std::size_t i) { return atoms[f.factors[i]][recording]; };
  if (f.is_sum) return at(0) + f.times * at(1) + f.plus;
  std::int64_t product = f.times;
  for (std::size_t i = 0; i < f.factors.size(); ++i) product *= at(i);
  const std::int64_t whole = product + f.before, rounded = whole / f.over;
  return (whole % f.over != 0 && whole < 0 ? rounded - 1 : rounded) + f.plus;
}

namespace {

class Search {
 public:
  Search(const Sizes& wanted, std::span<const Sizes> atoms) : wanted_(wanted), atoms_(atoms) {}

  std::optional<SizeFormula> run() {
    for (std::size_t i = 0; i < atoms_.size(); ++i)
      if (fits({.factors = {i}})) return found_;
    for (std::size_t i = 0; i < atoms_.size(); ++i)
      if (line(i) || part(i)) return found_;
    for (std::size_t i = 0; i < atoms_.size(); ++i)
      for (std::size_t j = i; j < atoms_.size(); ++j)
        if (product({i, j})) return found_;
    for (std::size_t i = 0; i < atoms_.size(); ++i)
      for (std::size_t j = 0; j < atoms_.size(); ++j)
        if (i != j && (sum(i, j, 1) || sum(i, j, -1))) return found_;
    for (std::size_t i = 0; i < atoms_.size(); ++i)
      for (std::size_t j = i; j < atoms_.size(); ++j)
        for (std::size_t k = j; k < atoms_.size(); ++k)
          if (product({i, j, k})) return found_;
    return std::nullopt;
  }

 private:
  bool fits(SizeFormula f) {
    for (std::size_t r = 0; r < kRecordings; ++r)
      if (value_of(f, atoms_, r) != wanted_[r]) return false;
    found_ = std::move(f);
    return true;
  }
  /// times x + plus, from the first recording and one in which x differs.
  bool line(std::size_t i) {
    const Sizes& x = atoms_[i];
    const std::int64_t run = x[1] - x[0], rise = wanted_[1] - wanted_[0];
    if (run == 0 || rise % run != 0 || rise == 0) return false;
    const std::int64_t times = rise / run;
    return fits({.factors = {i}, .times = times, .plus = wanted_[0] - times * x[0]});
  }
  /// (x + before) / over rounded down, plus a number; only if x has left every rest of such a division, for else
  /// several of these give the same.
  bool part(std::size_t i) {
    for (std::int64_t over = 2; over <= static_cast<std::int64_t>(kRecordings); ++over) {
      std::set<std::int64_t> rests;
      for (const std::int64_t x : atoms_[i]) rests.insert(x % over);
      if (static_cast<std::int64_t>(rests.size()) < over) continue;
      for (std::int64_t before = 0; before < over; ++before) {
        SizeFormula f{.factors = {i}, .over = over, .before = before};
        f.plus = wanted_[0] - value_of(f, atoms_, 0);
        if (fits(f)) return true;
      }
    }
    return false;
  }
  bool product(std::vector<std::size_t> factors) {
    SizeFormula f{.factors = std::move(factors)};
    const std::int64_t one = value_of(f, atoms_, 0);
    if (one == 0 || wanted_[0] % one != 0) return false;
    f.times = wanted_[0] / one;
    return fits(f);
  }
  bool sum(std::size_t i, std::size_t j, std::int64_t sign) {
    SizeFormula f{.factors = {i, j}, .is_sum = true, .times = sign};
    f.plus = wanted_[0] - value_of(f, atoms_, 0);
    return fits(f);
  }

  const Sizes& wanted_;
  std::span<const Sizes> atoms_;
  SizeFormula found_;
};

}  // namespace

std::optional<SizeFormula> formula_of(const Sizes& wanted, std::span<const Sizes> atoms) {
  return Search(wanted, atoms).run();
}

}  // namespace gradus::onnx
