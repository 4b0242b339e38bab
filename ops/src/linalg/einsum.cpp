#include "gradus/ops/einsum.h"

#include "family.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <bit>
#include <cctype>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace gradus {
namespace detail {
namespace {

constexpr const char* kName = "einsum";

/// An index is the number of a bit: letters get theirs as they come, dimensions of "..." first.
using Set = std::uint64_t;
using Labels = std::vector<int>;

Set set_of(const Labels& labels) {
  Set set = 0;
  for (int l : labels) set |= Set{1} << l;
  return set;
}
bool has(Set set, int label) { return ((set >> label) & 1) != 0; }

// ---- the equation --------------------------------------------------------------------------------

/// The indices of one operand, or of the result: letters, and where "..." stands (-1: nowhere).
struct Term {
  std::string letters;
  std::int64_t dots = -1;
};

/// An equation taken apart, and the sizes of its indices.
class Equation {
 public:
  Equation(std::string_view text, std::span<const Tensor> operands, CallSite site) : text_(text), site_(site) {
    std::vector<Term> terms = parse();
    const bool has_result = arrow_;
    if (has_result) {
      result_ = terms.back();
      terms.pop_back();
    }
    if (terms.size() != operands.size())
      refuse<ArgumentError>("as many operands as the equation has", std::to_string(operands.size()));
    for (std::size_t i = 0; i < terms.size(); ++i) check_rank(terms[i], operands[i], i);
    for (std::size_t i = 0; i < terms.size(); ++i) inputs.push_back(label(terms[i], operands[i], i));
    output = has_result ? explicit_output() : implicit_output(terms);
  }

  std::vector<Labels> inputs;
  Labels output;
  std::vector<std::int64_t> sizes;  // by label

 private:
  template <class E>
  [[noreturn]] void refuse(const std::string& expected, const std::string& got) const {
    fail<E>(kName, fmt::format("expected {}, got {} in '{}'", expected, got, text_), site_);
  }

  std::vector<Term> parse() {
    std::vector<Term> terms(1);
    for (std::size_t i = 0; i < text_.size(); ++i) {
      const auto c = static_cast<unsigned char>(text_[i]);
      Term& term = terms.back();
      if (std::isspace(c) != 0) continue;
      if (std::isalpha(c) != 0) {
        term.letters.push_back(text_[i]);
      } else if (c == ',' && !arrow_) {
        terms.emplace_back();
      } else if (text_.substr(i, 2) == "->" && !arrow_) {
        arrow_ = true;
        terms.emplace_back();
        ++i;
      } else if (text_.substr(i, 3) == "..." && term.dots < 0) {
        term.dots = static_cast<std::int64_t>(term.letters.size());
        i += 2;
      } else {
        refuse<ArgumentError>(arrow_ ? "a letter or one '...'" : "a letter, ',', '->' or one '...'",
                              fmt::format("'{}' at place {}", text_[i], i));
      }
    }
    return terms;
  }

  void check_rank(const Term& term, const Tensor& x, std::size_t i) {
    const auto letters = static_cast<std::int64_t>(term.letters.size());
    if (term.dots < 0 ? x.rank() != letters : x.rank() < letters)
      refuse<ShapeError>(
          fmt::format(
              "{} indices for operand {} {}{}", x.rank(), i, to_string(x.shape()), term.dots < 0 ? "" : " at most"),
          std::to_string(letters));
    if (term.dots >= 0) dots_ = std::max(dots_, x.rank() - static_cast<int>(letters));
  }

  Labels label(const Term& term, const Tensor& x, std::size_t operand) {
    if (sizes.empty()) {
      sizes.assign(static_cast<std::size_t>(dots_), 1);
      owners_.assign(sizes.size(), 0);
    }
    Labels labels = expand(term, x.rank() - static_cast<int>(term.letters.size()), true);
    for (int d = 0; d < x.rank(); ++d) {
      const std::int64_t n = x.shape()[d];
      const auto l = static_cast<std::size_t>(labels[static_cast<std::size_t>(d)]);
      if (sizes[l] == 1) {
        sizes[l] = n;
        owners_[l] = operand;
      } else if (n != 1 && n != sizes[l]) {
        refuse<ShapeError>(fmt::format("one size of {}", name(labels[static_cast<std::size_t>(d)])),
                           fmt::format("{} in operand {} and {} in operand {}", sizes[l], owners_[l], n, operand));
      }
    }
    return labels;
  }

  /// Labels of a term whose "..." stands for `dots` dimensions.
  Labels expand(const Term& term, int dots, bool may_add) {
    Labels labels;
    for (std::size_t i = 0; i <= term.letters.size(); ++i) {
      if (static_cast<std::int64_t>(i) == term.dots)
        for (int k = dots_ - dots; k < dots_; ++k) labels.push_back(k);
      if (i == term.letters.size()) break;
      const char c = term.letters[i];
      auto at = letters_.find(c);
      if (at == letters_.end()) {
        if (!may_add) refuse<ArgumentError>("indices of the operands in the result", fmt::format("'{}'", c));
        at = letters_.emplace(c, static_cast<int>(sizes.size())).first;
        sizes.push_back(1);
        owners_.push_back(0);
      }
      labels.push_back(at->second);
    }
    return labels;
  }

  Labels explicit_output() {
    Labels labels = expand(result_, dots_, false);
    Set seen = 0;
    for (int l : labels) {
      if (has(seen, l)) refuse<ArgumentError>("each index of the result once", name(l) + " again");
      seen |= Set{1} << l;
    }
    return labels;
  }

  Labels implicit_output(const std::vector<Term>& terms) {
    std::map<char, int> uses;
    for (const Term& term : terms)
      for (char c : term.letters) ++uses[c];
    result_.dots = 0;
    for (const auto& [c, n] : uses)
      if (n == 1) result_.letters.push_back(c);
    return expand(result_, dots_, false);
  }

  std::string name(int label) const {
    for (const auto& [c, l] : letters_)
      if (l == label) return fmt::format("index '{}'", c);
    return fmt::format("dimension {} of '...'", label - dots_);
  }

  std::string_view text_;
  CallSite site_;
  bool arrow_ = false;
  Term result_;
  int dots_ = 0;  // dimensions that "..." stands for
  std::map<char, int> letters_;
  std::vector<std::size_t> owners_;  // by label: the operand that set the size
};

// ---- contraction ---------------------------------------------------------------------------------

/// A tensor with an index for each dimension.
struct Part {
  Tensor tensor;
  Labels labels;
};

double volume(Set set, const std::vector<std::int64_t>& sizes) {
  double n = 1;
  for (; set != 0; set &= set - 1) n *= static_cast<double>(sizes[static_cast<std::size_t>(std::countr_zero(set))]);
  return n;
}

Shape shape_of(const Labels& labels, const std::vector<std::int64_t>& sizes) {
  Shape shape;
  for (int l : labels) shape.push_back(sizes[static_cast<std::size_t>(l)]);
  return shape;
}

/// The dimensions in another order of their indices.
Tensor arranged(const Part& part, const Labels& order) {
  if (part.labels == order) return part.tensor;
  Shape axes;
  for (int l : order) axes.push_back(std::find(part.labels.begin(), part.labels.end(), l) - part.labels.begin());
  return permute(part.tensor, axes);
}

/// Each index once: no dimension of size 1 that stands for more, diagonals of those that come twice.
Part simple(Part part, const std::vector<std::int64_t>& sizes) {
  Labels& labels = part.labels;
  for (std::size_t d = labels.size(); d-- > 0;)
    if (part.tensor.shape()[static_cast<int>(d)] != sizes[static_cast<std::size_t>(labels[d])]) {
      part.tensor = squeeze(part.tensor, static_cast<std::int64_t>(d));
      labels.erase(labels.begin() + static_cast<std::ptrdiff_t>(d));
    }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto again = std::find(labels.begin() + static_cast<std::ptrdiff_t>(i) + 1, labels.end(), labels[i]);
    if (again == labels.end()) continue;
    part.tensor = diagonal(part.tensor, 0, static_cast<std::int64_t>(i), again - labels.begin());
    const int label = labels[i];
    labels.erase(again);
    labels.erase(labels.begin() + static_cast<std::ptrdiff_t>(i--));
    labels.push_back(label);
  }
  return part;
}

/// Summed over all indices but those to keep.
Part reduced(const Part& part, Set keep) {
  Labels left;
  Shape axes;
  for (std::size_t d = 0; d < part.labels.size(); ++d)
    if (has(keep, part.labels[d]))
      left.push_back(part.labels[d]);
    else
      axes.push_back(static_cast<std::int64_t>(d));
  return axes.empty() ? part : Part{sum(part.tensor, Axes(axes)), left};
}

/// The product of two, summed over indices not kept.
Part contracted(const Part& a, const Part& b, Set keep, const std::vector<std::int64_t>& sizes) {
  const Set in_a = set_of(a.labels), in_b = set_of(b.labels);
  Labels batch, rows, summed, columns;
  for (int l : a.labels) (!has(in_b, l) ? rows : has(keep, l) ? batch : summed).push_back(l);
  for (int l : b.labels)
    if (!has(in_a, l)) columns.push_back(l);
  const auto joined = [](Labels x, const Labels& y, const Labels& z) {
    x.insert(x.end(), y.begin(), y.end());
    x.insert(x.end(), z.begin(), z.end());
    return x;
  };
  const Labels result = joined(batch, rows, columns);
  if (summed.empty()) {  // no sums: elementwise, which broadcasts
    Shape left = shape_of(result, sizes), right = left;
    for (std::size_t d = batch.size(); d < result.size(); ++d)
      (d < batch.size() + rows.size() ? right : left)[static_cast<int>(d)] = 1;
    return {
        reshape(arranged(a, joined(batch, rows, {})), left) * reshape(arranged(b, joined(batch, columns, {})), right),
        result};
  }
  Shape left, right;
  const auto size = [&](const Labels& labels) { return shape_of(labels, sizes).numel(); };
  if (!batch.empty()) left.push_back(size(batch));
  right = left;
  for (const Labels* l : {&rows, &summed}) left.push_back(size(*l));
  for (const Labels* l : {&summed, &columns}) right.push_back(size(*l));
  return {reshape(matmul(reshape(arranged(a, joined(batch, rows, summed)), left),
                         reshape(arranged(b, joined(batch, summed, columns)), right)),
                  shape_of(result, sizes)),
          result};
}

/// In which order to contract: pairs of places in the list of parts; the result of each is put at the end of it.
using Order = std::vector<std::pair<std::size_t, std::size_t>>;

constexpr double kNever = std::numeric_limits<double>::infinity();

/// The multiplications of one contraction; infinite if its result has too many dimensions.
double cost_of(Set a, Set b, Set keep, const std::vector<std::int64_t>& sizes) {
  return std::popcount((a | b) & keep) > kMaxRank ? kNever : volume(a | b, sizes);
}

/// The cheapest order of all, by dynamic programming over sets of operands.
Order best_order(const std::vector<Set>& parts, Set output, const std::vector<std::int64_t>& sizes) {
  const std::size_t n = parts.size(), all = (std::size_t{1} << n) - 1;
  std::vector<Set> united(all + 1, 0);
  for (std::size_t s = 1; s <= all; ++s)
    united[s] = united[s & (s - 1)] | parts[static_cast<std::size_t>(std::countr_zero(s))];
  const auto kept = [&](std::size_t s) { return united[s] & (output | united[all ^ s]); };
  std::vector<double> cost(all + 1, kNever);
  std::vector<std::size_t> half(all + 1, 0);
  for (std::size_t s = 1; s <= all; ++s) {
    if (std::has_single_bit(s)) cost[s] = 0;
    for (std::size_t t = (s - 1) & s; t > (s ^ t); t = (t - 1) & s) {
      const double c = cost[t] + cost[s ^ t] + cost_of(kept(t), kept(s ^ t), kept(s), sizes);
      if (half[s] == 0 || c < cost[s]) {
        cost[s] = c;
        half[s] = t;
      }
    }
  }
  Order order;
  std::size_t next = n;
  const auto walk = [&](const auto& self, std::size_t s) -> std::size_t {
    if (std::has_single_bit(s)) return static_cast<std::size_t>(std::countr_zero(s));
    const std::size_t b = self(self, s ^ half[s]), a = self(self, half[s]);
    order.emplace_back(std::min(a, b), std::max(a, b));
    return next++;
  };
  walk(walk, all);
  return order;
}

/// Always the pair whose result adds the fewest elements, of these the cheapest.
Order greedy_order(std::vector<Set> parts, Set output, const std::vector<std::int64_t>& sizes) {
  Order order;
  std::vector<std::size_t> left(parts.size());
  for (std::size_t i = 0; i < left.size(); ++i) left[i] = i;
  while (left.size() > 1) {
    std::pair<double, double> least{kNever, kNever};
    std::size_t first = 0, second = 1;
    Set result = 0;
    for (std::size_t i = 0; i < left.size(); ++i)
      for (std::size_t j = i + 1; j < left.size(); ++j) {
        Set others = output;
        for (std::size_t k = 0; k < left.size(); ++k)
          if (k != i && k != j) others |= parts[left[k]];
        const Set a = parts[left[i]], b = parts[left[j]], kept = (a | b) & others;
        const std::pair<double, double> c{volume(kept, sizes) - volume(a, sizes) - volume(b, sizes),
                                          cost_of(a, b, others, sizes)};
        if ((i == 0 && j == 1) || (c.second < kNever && (c < least || least.second == kNever))) {
          least = c;
          first = i;
          second = j;
          result = kept;
        }
      }
    order.emplace_back(left[first], left[second]);
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(second));
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(first));
    left.push_back(parts.size());
    parts.push_back(result);
  }
  return order;
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor einsum(std::string_view equation, std::span<const Tensor> operands, CallSite site) {
  if (operands.empty()) fail<ArgumentError>(kName, "expected operands, got none", site);
  const SitePin pin(site);
  for (const Tensor& x : operands) {
    check_floating(kName, Arg(x, site));
    check_same_dtype(kName, Arg(operands[0], site), x);
  }
  const Equation e(equation, operands, site);
  const Set output = set_of(e.output);

  std::vector<Part> parts;
  std::vector<Set> sets;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    parts.push_back(simple({operands[i], e.inputs[i]}, e.sizes));
    sets.push_back(set_of(parts.back().labels));
  }
  // What only one operand has is summed at once.
  std::vector<Set> others(parts.size(), output);
  for (std::size_t i = 0; i < parts.size(); ++i)
    for (std::size_t j = 0; j < parts.size(); ++j)
      if (i != j) others[i] |= sets[j];
  for (std::size_t i = 0; i < parts.size(); ++i) {
    parts[i] = reduced(parts[i], others[i]);
    sets[i] = set_of(parts[i].labels);
  }

  const Order order = parts.size() > 8 ? greedy_order(sets, output, e.sizes) : best_order(sets, output, e.sizes);
  std::vector<bool> used(parts.size() + order.size(), false);
  for (const auto& [i, j] : order) {
    used[i] = used[j] = true;
    Set keep = output;
    for (std::size_t k = 0; k < parts.size(); ++k)
      if (!used[k]) keep |= set_of(parts[k].labels);
    const Set all = (set_of(parts[i].labels) | set_of(parts[j].labels)) & keep;
    if (std::popcount(all) > kMaxRank)
      fail<ShapeError>(kName,
                       fmt::format("expected partial results of at most {} dimensions, got {} in '{}'",
                                   kMaxRank,
                                   std::popcount(all),
                                   equation),
                       site);
    parts.push_back(contracted(parts[i], parts[j], keep, e.sizes));
    parts[i] = parts[j] = {};
  }
  return arranged(reduced(parts.back(), output), e.output);
}

Tensor einsum(std::string_view equation, std::initializer_list<Tensor> operands, CallSite site) {
  return einsum(equation, std::span(operands.begin(), operands.size()), site);
}

namespace detail {

std::span<const OpEntry> einsum_ops() {
  static const OpEntry table[] = {
      {kName, nullptr, {"sums of products over the indices left out", "einsum of g with the other operands"}, [] {
         const auto example = [](const char* equation, const std::vector<Shape>& shapes) {
           Example result{equation, {}, [equation](std::span<const Tensor> in) { return einsum(equation, in); }};
           for (const Shape& shape : shapes) result.inputs.push_back({shape});
           return result;
         };
         return std::vector<Example>{
             example("ij,jk->ik", {{2, 3}, {3, 2}}),
             example("ij,kj", {{2, 3}, {4, 3}}),
             example("i,i", {{3}, {3}}),
             example("ij,ij->ij", {{2, 3}, {2, 3}}),
             example("i,j->ji", {{2}, {3}}),
             example("bij,bjk->bik", {{2, 2, 3}, {2, 3, 2}}),
             example("...ij,jk->...ik", {{2, 2, 3}, {3, 2}}),
             example("bi,ijk,bk->bj", {{2, 3}, {3, 2, 2}, {2, 2}}),
             example("ii->", {{3, 3}}),
             example("ibi->bi", {{2, 3, 2}}),
             example("ijk->k", {{2, 3, 2}}),
             example("ij,jk,kl,lm->im", {{2, 3}, {3, 2}, {2, 4}, {4, 1}}),
             example("ij,jk", {{2, 0}, {0, 3}}),
         };
       }}};
  return table;
}

}  // namespace detail
}  // namespace gradus
