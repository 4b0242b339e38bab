#include "gradus/nn/model.h"
#include "gradus/tensor/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace gradus::nn::detail {

namespace {

using gradus::detail::columns;
using gradus::detail::with_commas;

class Printer final : public Visitor {
 public:
  explicit Printer(ModuleRef model) { child("", model); }

  void parameter(std::string_view name, Parameter& p) override { tensor(name, "Parameter", p); }
  void buffer(std::string_view name, Buffer& b) override { tensor(name, "Buffer", b); }
  void child(std::string_view name, ModuleRef child) override {
    const std::size_t before = lines_.size();
    if (name.empty() && depth_ > 0) return child.visit(*this);  // a part that bears no name
    add(name, child.describe(), detail::parameter_count(child));
    const bool outer = std::exchange(tensors_, child.type().describe == nullptr);
    ++depth_;
    child.visit(*this);
    --depth_;
    tensors_ = outer;
    if (!child.is_module() && lines_.size() == before + 1 && depth_ > 0) lines_.pop_back();  // holds nothing
  }

  std::string text() const {
    const std::size_t digits = with_commas(lines_.front().count).size();  // none has more than the whole
    std::size_t width = 0;
    for (const Line& line : lines_) width = std::max(width, columns(line.text) + 2 + digits);
    std::string all;
    for (const Line& line : lines_) {
      all += line.text;
      if (line.count > 0) {
        const std::string count = with_commas(line.count);
        all.append(width - columns(line.text) - count.size(), ' ');
        all += count;
      }
      all += '\n';
    }
    return all;
  }

 private:
  struct Line {
    std::string text;
    std::int64_t count;
  };
  void add(std::string_view name, const std::string& what, std::int64_t count) {
    std::string text(2 * depth_, ' ');
    text += name;
    if (!name.empty() && !what.empty()) text += ": ";
    lines_.push_back({text + what, count});
  }
  /// Those of a module that says nothing of itself.
  void tensor(std::string_view name, const char* kind, const Tensor& x) {
    if (tensors_) add(name, fmt::format("{} {}", kind, gradus::to_string(x.shape())), 0);
  }

  std::vector<Line> lines_;
  std::size_t depth_ = 0;
  bool tensors_ = true;
};

}  // namespace

std::string spell(ModuleRef model) { return Printer(model).text(); }

void print(ModuleRef model) {
  const std::string text = spell(model);
  std::fwrite(text.data(), 1, text.size(), stdout);
}

}  // namespace gradus::nn::detail
