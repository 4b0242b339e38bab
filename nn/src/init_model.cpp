#include "gradus/graph/node.h"
#include "gradus/graph/recording.h"
#include "gradus/nn/conv.h"
#include "gradus/nn/hooks.h"
#include "gradus/nn/init.h"
#include "gradus/nn/layers.h"
#include "gradus/nn/norm.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/reduce.h"
#include "gradus/tensor/warning.h"

#include <fmt/format.h>

#include <cmath>
#include <unordered_set>
#include <utility>
#include <vector>

namespace gradus::nn::detail {
namespace {

template <class... Ms>
bool is_one_of(ModuleRef module) {
  return ((module.get_if<Ms>() != nullptr) || ...);
}

bool stays(ModuleRef module) {
  return is_one_of<Embedding, EmbeddingBag, PReLU, BatchNorm, LayerNorm, RMSNorm, GroupNorm, InstanceNorm>(module);
}
/// Linear in its weight as long as it has no bias, up to maxima.
bool is_scaled(ModuleRef module) {
  return is_one_of<Linear, MaxoutLinear, Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d>(
      module);
}

bool all_equal(const Tensor& x) {
  const Tensor values = detach(x);
  return x.numel() == 0 || max(values).item() == min(values).item();
}

/// Fills the parameters, each once.
class Filler final : public Visitor {
 public:
  Filler(const gradus::init::Policy& policy, Generator& generator) : policy_(policy), generator_(generator) {}

  void parameter(std::string_view name, Parameter& p) override {
    if (name == "weight_g") {
      lengths_ = &p;
    } else if (name.starts_with("weight_ih_l")) {
      from_input_ = &p;
    } else if (name.starts_with("weight_hh_l") && from_input_ != nullptr) {
      weights_ += 2;
      fill_gates(*std::exchange(from_input_, nullptr), p.size(1));
      fill_gates(p, p.size(1));
    } else if (p.rank() >= 2) {
      fill(policy_.weight, p);
      ++weights_;
      if (name == "weight_v" && lengths_ != nullptr) copy_into(*lengths_, lengths_of_rows(p));
      if (name == "weight_orig") divided_ = &p;
    } else if (p.rank() == 1 && name.starts_with("bias")) {
      fill(policy_.bias, p);
    }
  }
  void buffer(std::string_view name, Buffer& b) override {
    if (name == "weight_u") u_ = &b;
    if (name == "weight_v" && u_ != nullptr && divided_ != nullptr)
      for (int i = 0; i < 15; ++i) power_step(*divided_, *u_, b);
  }
  void child(std::string_view, ModuleRef child) override {
    if (stays(child)) return;
    lengths_ = divided_ = nullptr;
    u_ = nullptr;
    child.visit(*this);
  }

  bool breaks_symmetry() const { return varied_ || weights_ < 2; }

 private:
  void fill(const gradus::init::Policy::Fill& fill, Parameter& p) {
    if (!fill || !filled_.insert(p.raw()).second) return;
    fill(p, generator_);
    varied_ = varied_ || !all_equal(p);
  }

  /// Each gate of a recurrent layer is a matrix of its own.
  void fill_gates(Parameter& p, std::int64_t hidden) {
    if (!policy_.weight || !filled_.insert(p.raw()).second) return;
    for (std::int64_t row = 0; row < p.size(0); row += hidden) {
      Tensor gate = view_as(p, {hidden, p.size(1)}, {p.size(1), 1}, row * p.size(1));
      policy_.weight(gate, generator_);
    }
    varied_ = varied_ || !all_equal(p);
  }

  const gradus::init::Policy& policy_;
  Generator& generator_;
  Parameter *lengths_ = nullptr, *divided_ = nullptr, *from_input_ = nullptr;
  Buffer* u_ = nullptr;
  std::unordered_set<const void*> filled_;
  int weights_ = 0;
  bool varied_ = false;
};

}  // namespace

void init(ModuleRef model, const gradus::init::Policy& policy, Generator& generator) {
  Filler filler(policy, generator);
  no_grad([&] { filler.child("", model); });
  if (!filler.breaks_symmetry())
    gradus::detail::warn(
        "init: all weights of each layer are equal, so its units will stay alike; expected random "
        "ones, such as init::he()");
}

void init(ModuleRef model, const gradus::init::Lsuv&, const std::function<void()>& run, Generator& generator) {
  init(model, gradus::init::orthogonal(), generator);
  const NoGrad guard;
  std::vector<HookHandle> handles;
  std::unordered_set<const void*> scaled;
  for (const NamedModule& named : named_modules(model)) {
    if (!is_scaled(named.module)) continue;
    const auto after = [&scaled, named](const Tensor&, const Tensor& y) {
      if (!scaled.insert(named.module.object()).second) return Tensor();
      const double variance = var(y).item();
      if (!(variance > 0 && std::isfinite(variance)))
        gradus::detail::fail<ArgumentError>(
            "init",
            fmt::format(
                "expected results of a finite variance above 0, got {} in {}", variance, named.module.describe()));
      const double factor = 1 / std::sqrt(variance);
      class Scale final : public Visitor {
       public:
        explicit Scale(double by) : by_(by) {}
        void parameter(std::string_view name, Parameter& p) override {
          if (name == "weight") copy_into(p, detach(p) * by_);
        }

       private:
        double by_;
      } scale(factor);
      named.module.visit(scale);
      return y * factor;
    };
    handles.push_back(hook(named.module, {.after = after}));
  }
  run();
}

}  // namespace gradus::nn::detail
