#include "watch/unit_counts.h"

#include "gradus/tensor/dtype.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace gradus::train {
namespace {

// Flat: where the slope is below a ninth of the largest.
constexpr std::array kBends{Bend{"relu", true, 0, 0},
                            Bend{"tanh", false, -0.97, 0.97},
                            Bend{"rnn_tanh", false, -0.97, 0.97},
                            Bend{"sigmoid", false, 0.03, 0.97},
                            Bend{"hardtanh", false, -1, 1},
                            Bend{"hardsigmoid", false, 0, 1}};

}  // namespace

const Bend* find_bend(const char* op) {
  const auto* const at =
      std::find_if(kBends.begin(), kBends.end(), [&](const Bend& b) { return std::string_view(b.op) == op; });
  return at == kBends.end() ? nullptr : at;
}

void UnitCounts::add(const Bend& bend, const Tensor& y, bool channels_first) {
  if (y.rank() < 2 || y.numel() == 0) return;
  const Tensor dense = contiguous(y);
  const std::int64_t units = channels_first ? y.size(1) : y.size(y.rank() - 1);
  const std::int64_t inner = channels_first ? y.numel() / (y.size(0) * units) : 1;
  if (static_cast<std::int64_t>(alive_.size()) != units) clear();
  alive_.resize(static_cast<std::size_t>(units));
  rows_ += y.size(0);
  ++batches_;
  elements_ += y.numel();
  dispatch_floating(y.dtype(), [&]<class T>() {
    const T* p = dense.data<T>();
    const T* const end = p + dense.numel();
    if (bend.low < bend.high) {
      const T low = static_cast<T>(bend.low), high = static_cast<T>(bend.high);
      saturated_ += std::count_if(p, end, [=](T v) { return v <= low || v >= high; });
    }
    has_zero_ = bend.has_zero;
    if (!has_zero_) return;
    const auto is_alive = [](T v) { return v > 0; };
    if (inner == 1)
      for (; p != end; p += units)
        for (std::int64_t u = 0; u < units; ++u)
          alive_[static_cast<std::size_t>(u)] |= static_cast<unsigned char>(is_alive(p[u]));
    else
      for (; p != end;)
        for (std::int64_t u = 0; u < units; ++u, p += inner)
          if (unsigned char& alive = alive_[static_cast<std::size_t>(u)]; alive == 0)
            alive = static_cast<unsigned char>(std::any_of(p, p + inner, is_alive));
  });
}

double UnitCounts::dead_share() const {
  if (alive_.empty() || !has_zero_) return 0;
  return static_cast<double>(std::count(alive_.begin(), alive_.end(), 0)) / static_cast<double>(alive_.size());
}

double UnitCounts::saturated_share() const {
  return elements_ == 0 ? 0 : static_cast<double>(saturated_) / static_cast<double>(elements_);
}

}  // namespace gradus::train
