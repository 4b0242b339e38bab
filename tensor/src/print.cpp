#include "gradus/tensor/tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ostream>

namespace gradus {
namespace {

/// How each number of one tensor is written, so that columns line up.
struct Format {
  bool scientific = false;
  int digits = 0;  // after the point
  std::size_t width = 0;
};

class Printer {
 public:
  Printer(const Tensor& x, const PrintOptions& options)
      : x_(contiguous(x)), options_(options), shorten_(x.numel() > options.threshold) {}

  std::string run() {
    if (x_.numel() == 0) {
      const bool flat = x_.rank() == 1;
      return flat ? "[]" : fmt::format("[](shape {})", gradus::to_string(x_.shape()));
    }
    visit(0, 0, [&](std::int64_t i) { shown_.push_back(i); });
    choose_format();
    return block(0, 0);
  }

 private:
  template <class F>
  void visit(int axis, std::int64_t offset, F&& f) {
    if (axis == x_.rank()) return f(offset);
    const std::int64_t n = x_.size(axis), step = x_.strides()[axis];
    for (std::int64_t i = 0; i < n; ++i) {
      if (skips(n) && i == options_.edge_items) i = n - options_.edge_items;
      visit(axis + 1, offset + i * step, f);
    }
  }
  bool skips(std::int64_t n) const { return shorten_ && n > 2 * options_.edge_items; }

  double value(std::int64_t i) const {
    return dispatch(x_.dtype(), [&]<class T>() { return static_cast<double>(x_.data<T>()[i]); });
  }

  static std::string trim_zeros(std::string text) {
    while (text.back() == '0') text.pop_back();
    return text;
  }

  void choose_format() {
    if (is_floating(x_.dtype())) {
      double largest = 0, smallest = HUGE_VAL;
      for (std::int64_t i : shown_) {
        const double v = std::abs(value(i));
        if (v == 0 || !std::isfinite(v)) continue;
        largest = std::max(largest, v);
        smallest = std::min(smallest, v);
      }
      format_.scientific = largest >= 1e8 || (largest > 0 && (smallest < 1e-4 || largest / smallest > 1e3));
      if (format_.scientific && largest < 1e8 && smallest >= 1e-4) format_.scientific = false;
      for (std::int64_t i : shown_) {
        const double v = value(i);
        if (!std::isfinite(v)) continue;
        std::string text = format_.scientific ? fmt::format("{:.{}e}", v, options_.precision)
                                              : fmt::format("{:.{}f}", v, options_.precision);
        text = trim_zeros(text.substr(0, text.find('e')));
        format_.digits = std::max(format_.digits, static_cast<int>(text.size() - text.find('.') - 1));
      }
    }
    for (std::int64_t i : shown_) format_.width = std::max(format_.width, number(i).size());
  }

  std::string number(std::int64_t i) const {
    if (x_.dtype() == boolean) return x_.data<bool>()[i] ? "true" : "false";
    if (x_.dtype() == int64) return fmt::format("{}", x_.data<std::int64_t>()[i]);
    const double v = value(i);
    if (std::isnan(v)) return "nan";
    if (std::isinf(v)) return v > 0 ? "inf" : "-inf";
    if (format_.scientific) return fmt::format("{:.{}e}", v, format_.digits);
    std::string text = fmt::format("{:.{}f}", v, format_.digits);
    return format_.digits == 0 ? text + "." : text;
  }

  /// A number padded to the common width: digits after the point may be blank at the end.
  std::string padded(std::int64_t i) const {
    std::string text = number(i);
    if (is_floating(x_.dtype()) && !format_.scientific && std::isfinite(value(i)) && format_.digits > 0) {
      const std::size_t length = text.size();
      text = trim_zeros(text);
      text.append(length - text.size(), ' ');
    }
    return fmt::format("{:>{}}", text, format_.width);
  }

  std::string block(int axis, std::int64_t offset) const {
    if (axis == x_.rank()) return x_.rank() == 0 ? trim_right(padded(offset)) : padded(offset);
    const std::int64_t n = x_.size(axis), step = x_.strides()[axis];
    const bool last = axis == x_.rank() - 1;
    const std::string indent(static_cast<std::size_t>(axis) + 1, ' ');
    const std::string gap =
        last ? " " : std::string(static_cast<std::size_t>(x_.rank() - axis - 1), '\n') + indent;
    std::string out = "[";
    std::size_t line = indent.size();
    for (std::int64_t i = 0; i < n; ++i) {
      std::string item;
      if (skips(n) && i == options_.edge_items) {
        item = "...";
        i = n - options_.edge_items - 1;
      } else {
        item = block(axis + 1, offset + i * step);
      }
      if (out.size() > 1) {
        if (last && line + 1 + item.size() > static_cast<std::size_t>(options_.line_width)) {
          out += "\n" + indent;
          line = indent.size();
        } else {
          out += gap;
          line += 1;
        }
      }
      line += item.size();
      out += item;
    }
    return out + "]";
  }

  static std::string trim_right(std::string text) {
    while (!text.empty() && text.back() == ' ') text.pop_back();
    return text;
  }

  Tensor x_;
  PrintOptions options_;
  bool shorten_;
  std::vector<std::int64_t> shown_;
  Format format_;
};

}  // namespace

std::string to_string(const Tensor& x, const PrintOptions& options) {
  if (!x.defined()) return "(undefined)";
  return Printer(x, options).run();
}

std::ostream& operator<<(std::ostream& out, const Tensor& x) { return out << to_string(x); }

}  // namespace gradus
