#include "gradus/tensor/tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <ostream>

namespace gradus {
namespace {

/// A finite number in decimal: its sign, and digits "d.ddd" times a power of ten.
struct Decimal {
  bool negative = false;
  std::string digits;  // without the point
  int exponent = 0;    // of the first digit

  std::string sign() const { return negative ? "-" : ""; }
};

Decimal parse(std::string_view text) {
  Decimal d;
  d.negative = text.starts_with('-');
  const std::size_t e = text.find('e');
  for (char c : text.substr(0, e))
    if (c >= '0' && c <= '9') d.digits += c;
  d.exponent = std::atoi(text.data() + e + 1);
  while (d.digits.size() > 1 && d.digits.back() == '0') d.digits.pop_back();
  return d;
}

/// The fewest digits that tell the value from its neighbours in its own type.
template <class T>
Decimal shortest(T value) {
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer - 1, value, std::chars_format::scientific);
  *end.ptr = '\0';
  return parse(buffer);
}

/// A number as it is written, in the parts that columns are lined up by.
struct Parts {
  std::string whole, fraction, exponent;
};

Parts plain(const Decimal& d, double value, int precision) {
  const int fraction = static_cast<int>(d.digits.size()) - 1 - d.exponent;
  if (fraction > precision) {
    const std::string text = fmt::format("{:.{}f}", value, precision);
    const std::size_t dot = text.find('.');
    Parts parts{text.substr(0, dot), dot == std::string::npos ? "" : text.substr(dot + 1), ""};
    while (parts.fraction.ends_with('0')) parts.fraction.pop_back();
    return parts;
  }
  std::string digits = d.digits;
  if (d.exponent < 0) digits.insert(0, static_cast<std::size_t>(-d.exponent), '0');
  const auto whole = static_cast<std::size_t>(std::max(d.exponent, 0) + 1);
  if (digits.size() < whole) digits.append(whole - digits.size(), '0');
  return {d.sign() + digits.substr(0, whole), digits.substr(whole), ""};
}

Parts scientific(const Decimal& shortest_digits, double value, int precision) {
  Decimal d = shortest_digits;
  if (static_cast<int>(d.digits.size()) - 1 > precision) d = parse(fmt::format("{:.{}e}", value, precision));
  return {d.sign() + d.digits.substr(0, 1),
          d.digits.substr(1),
          fmt::format("{}{:02}", d.exponent < 0 ? '-' : '+', std::abs(d.exponent))};
}

/// Writes a tensor as NumPy's str() does.
class Printer {
 public:
  Printer(const Tensor& x, const PrintOptions& options)
      : x_(contiguous(x)),
        precision_(std::clamp(options.precision, 0, 100)),
        edge_(std::max(options.edge_items, 0)),
        line_width_(std::max(options.line_width, 0)),
        shorten_(x.numel() > options.threshold) {}

  std::string run() {
    if (x_.numel() == 0) return "[]";
    if (x_.rank() == 0) return single();
    visit(0, 0, [&](std::int64_t i) { shown_.push_back(i); });
    choose_format();
    return block(0, 0);
  }

 private:
  /// Calls `item(i)` for each index of a dimension that is shown, `gap()` where some are left out.
  template <class Item, class Gap>
  void for_each_shown(std::int64_t n, Item&& item, Gap&& gap) const {
    const bool skip = shorten_ && n > 2 * edge_;
    for (std::int64_t i = 0; i < (skip ? edge_ : n); ++i) item(i);
    if (!skip) return;
    gap();
    for (std::int64_t i = n - edge_; i < n; ++i) item(i);
  }

  template <class F>
  void visit(int axis, std::int64_t offset, F&& f) const {
    if (axis == x_.rank()) return f(offset);
    const std::int64_t step = x_.strides()[axis];
    for_each_shown(x_.size(axis), [&](std::int64_t i) { visit(axis + 1, offset + i * step, f); }, [] {});
  }

  double value(std::int64_t i) const {
    return x_.dtype() == float64 ? x_.data<double>()[i] : static_cast<double>(x_.data<float>()[i]);
  }
  Decimal decimal(std::int64_t i) const {
    return x_.dtype() == float64 ? shortest(x_.data<double>()[i]) : shortest(x_.data<float>()[i]);
  }

  Parts parts(std::int64_t i) const { return (scientific_ ? scientific : plain)(decimal(i), value(i), precision_); }

  void choose_format() {
    if (!is_floating(x_.dtype())) {
      for (std::int64_t i : shown_) width_ = std::max(width_, whole_number(i).size());
      return;
    }
    double largest = 0, smallest = HUGE_VAL;
    for (std::int64_t i : shown_) {
      const double v = std::abs(value(i));
      if (v == 0 || !std::isfinite(v)) continue;
      largest = std::max(largest, v);
      smallest = std::min(smallest, v);
    }
    const double least = x_.dtype() == float64 ? 1e-4 : static_cast<double>(1e-4F);
    scientific_ = largest >= 1e8 || (largest > 0 && (smallest < least || largest / smallest > 1e3));
    std::size_t whole = 0;
    for (std::int64_t i : shown_) {
      if (!std::isfinite(value(i))) continue;
      const Parts p = parts(i);
      whole = std::max(whole, p.whole.size());
      fraction_ = std::max(fraction_, p.fraction.size());
      exponent_ = std::max(exponent_, p.exponent.size());
    }
    width_ = whole + 1 + fraction_ + (scientific_ ? 1 + exponent_ : 0);
    for (std::int64_t i : shown_)
      if (!std::isfinite(value(i))) width_ = std::max(width_, not_finite(value(i)).size());
  }

  static std::string not_finite(double v) { return std::isnan(v) ? "nan" : v > 0 ? "inf" : "-inf"; }

  std::string whole_number(std::int64_t i) const {
    if (x_.dtype() == boolean) return x_.data<bool>()[i] ? " True" : "False";
    return fmt::format("{}", x_.data<std::int64_t>()[i]);
  }

  std::string number(std::int64_t i) const {
    std::string text;
    if (!is_floating(x_.dtype())) {
      text = whole_number(i);
    } else if (!std::isfinite(value(i))) {
      text = not_finite(value(i));
    } else {
      Parts p = parts(i);
      p.fraction.resize(fraction_, scientific_ ? '0' : ' ');
      text = p.whole + "." + p.fraction;
      if (scientific_) {
        p.exponent.insert(1, exponent_ - p.exponent.size(), '0');
        text += "e" + p.exponent;
      }
    }
    return fmt::format("{:>{}}", text, width_);
  }

  /// The element of a tensor of rank zero, like a number in Python.
  std::string single() const {
    if (x_.dtype() == boolean) return *x_.data<bool>() ? "True" : "False";
    if (x_.dtype() == int64) return whole_number(0);
    const double v = value(0), size = std::abs(v);
    if (!std::isfinite(v)) return not_finite(v);
    constexpr int all = 400;  // every digit there is
    if (size == 0 || (size >= 1e-4 && size < 1e16)) {
      const Parts p = plain(decimal(0), v, all);
      return p.whole + "." + (p.fraction.empty() ? "0" : p.fraction);
    }
    const Parts p = scientific(decimal(0), v, all);
    return p.whole + (p.fraction.empty() ? "" : "." + p.fraction) + "e" + p.exponent;
  }

  std::string block(int axis, std::int64_t offset) const {
    const std::int64_t n = x_.size(axis), step = x_.strides()[axis];
    const std::string indent(static_cast<std::size_t>(axis) + 1, ' ');
    if (axis == x_.rank() - 1) return row(n, offset, indent);
    const std::string gap = std::string(static_cast<std::size_t>(x_.rank() - axis - 1), '\n') + indent;
    std::string out;
    const auto add = [&](const std::string& item) { out += (out.empty() ? "" : gap) + item; };
    for_each_shown(n, [&](std::int64_t i) { add(block(axis + 1, offset + i * step)); }, [&] { add("..."); });
    return fmt::format("[{}]", out);
  }

  /// The numbers of the last dimension, in lines.
  std::string row(std::int64_t n, std::int64_t offset, const std::string& indent) const {
    const auto limit = static_cast<std::int64_t>(line_width_) - static_cast<std::int64_t>(indent.size());
    std::string out, line = indent;
    const auto add = [&](const std::string& item) {
      if (line.size() > indent.size()) line += ' ';
      if (line.size() > indent.size() && static_cast<std::int64_t>(line.size() + item.size()) > limit) {
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + "\n";
        line = indent;
      }
      line += item;
    };
    for_each_shown(n, [&](std::int64_t i) { add(number(offset + i)); }, [&] { add("..."); });
    out += line;
    return fmt::format("[{}]", out.substr(indent.size()));
  }

  Tensor x_;
  int precision_, edge_, line_width_;
  bool shorten_;
  std::vector<std::int64_t> shown_;
  bool scientific_ = false;
  std::size_t width_ = 0, fraction_ = 0, exponent_ = 0;
};

}  // namespace

std::string to_string(const Tensor& x, const PrintOptions& options) {
  if (!x.defined()) return "(undefined)";
  return Printer(x, options).run();
}

std::ostream& operator<<(std::ostream& out, const Tensor& x) { return out << to_string(x); }

}  // namespace gradus
