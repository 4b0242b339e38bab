#include "conv_dnnl.h"

#ifdef GRADUS_HAVE_DNNL

#include "gradus/tensor/memory.h"
#include "gradus/tensor/runtime.h"

#include <dnnl.hpp>

#include <algorithm>
#include <array>
#include <list>
#include <map>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

// Convolutions by oneDNN 2 or 3 (Debian's libdnnl-dev). It chooses the layouts of its operands; where these are not
// ours, they are reordered before and after, some images at a time.

namespace gradus::kernels {
using namespace detail;

namespace {

using dnnl::memory;
using Tag = memory::format_tag;

dnnl::engine& engine() {
  static dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

dnnl::stream& stream() {
  thread_local dnnl::stream s(engine());
  return s;
}

memory::dims last(const ConvSizes& s, const ConvSizes::Axes& values, std::int64_t less = 0) {
  memory::dims result;
  for (int d = 3 - s.rank; d < 3; ++d) result.push_back(values[static_cast<std::size_t>(d)] - less);
  return result;
}
memory::dims with(memory::dims front, const memory::dims& back) {
  front.insert(front.end(), back.begin(), back.end());
  return front;
}

/// Layouts of the operands as they are here, row-major, or as oneDNN likes them.
struct Layouts {
  memory::desc x, w, bias, y;

  Layouts(const ConvSizes& s, bool ours) {
    constexpr Tag images[] = {Tag::ncw, Tag::nchw, Tag::ncdhw};
    constexpr Tag weights[] = {Tag::oiw, Tag::oihw, Tag::oidhw};
    constexpr Tag grouped[] = {Tag::goiw, Tag::goihw, Tag::goidhw};
    const auto r = static_cast<std::size_t>(s.rank - 1);
    const auto make = [&](const memory::dims& dims, Tag tag) {
      return memory::desc(dims, memory::data_type::f32, ours ? tag : Tag::any);
    };
    x = make(with({s.batch, s.in}, last(s, s.size)), images[r]);
    y = make(with({s.batch, s.out}, last(s, s.result)), images[r]);
    const memory::dims kernel = last(s, s.kernel);
    w = s.groups == 1 ? make(with({s.out, s.in}, kernel), weights[r])
                      : make(with({s.groups, s.out / s.groups, s.in / s.groups}, kernel), grouped[r]);
    bias = memory::desc({s.out}, memory::data_type::f32, Tag::a);
  }
};

/// Some images of all.
struct Share {
  std::size_t images = 1, of = 1;
};

/// An array in the caller's layout, and while it lives a copy in that of a primitive. Its block has room for all
/// images: blocks as large as those of tensors need no memory beside theirs, and most of such a one is never touched.
class Copy {
 public:
  Copy(const memory::desc& ours, const memory::desc& wanted, const float* data, const Share& share)
      : ours_(ours, engine(), const_cast<float*>(data)),
        copy_(nullptr, {std::max(wanted.get_size(), wanted.get_size() / share.images * share.of)}) {
    copy_.reset(allocate(copy_.get_deleter().bytes));
    theirs_ = memory(wanted, engine(), copy_.get());
  }

  bool is(const memory::desc& wanted, const float* data) const {
    return ours_.get_data_handle() == data && theirs_.get_desc() == wanted;
  }
  const memory& theirs() const { return theirs_; }
  void read() { dnnl::reorder(ours_, theirs_).execute(stream(), ours_, theirs_); }
  /// `add`: to what is there.
  void write(bool add) {
    dnnl::primitive_attr attributes;
    if (add) {
      dnnl::post_ops sum;
      sum.append_sum();
      attributes.set_post_ops(sum);
    }
    dnnl::reorder(theirs_, ours_, attributes).execute(stream(), theirs_, ours_);
  }

 private:
  struct Free {
    std::size_t bytes;
    void operator()(void* block) const noexcept { deallocate(block, bytes); }
  };
  memory ours_, theirs_;
  std::unique_ptr<void, Free> copy_;
};
using Copies = std::list<Copy>;

/// An operand of a primitive: what it is there, its layouts here and there, and the caller's array.
struct Operand {
  enum Use { read, written, added };
  int argument;
  memory::desc ours, wanted;
  const float* data;
  Use use = read;
  Copies* copies = nullptr;  // where a copy is looked for, and stays
  Share share{};
};

/// A primitive with the layouts it chose; `ready` is false if it would be slower than our own kernels.
template <class P>
struct Plan {
  typename P::primitive_desc description;
  P primitive;
  bool ready = false;
};

template <class P>
Plan<P> plan_of(typename P::primitive_desc description) {
  const std::string_view name = description.impl_info_str();
  if (name.find("ref") != std::string_view::npos) return {};
  return {description, P(description), true};
}

/// Makes the description of a primitive from its arguments and, for a backward pass, that of the forward one.
template <class P, class... Hint>
auto describe(const Hint&... hint) {
  return [&](const auto&... arguments) -> typename P::primitive_desc {
#if DNNL_VERSION_MAJOR < 3
    return {typename P::desc(arguments...), engine(), hint...};
#else
    return {engine(), arguments..., hint...};
#endif
  };
}

dnnl::convolution_forward::primitive_desc forward_description(const ConvSizes& s, bool bias) {
  const Layouts any(s, false);
  const auto kind = dnnl::prop_kind::forward_training;
  const auto algorithm = dnnl::algorithm::convolution_direct;
  const memory::dims stride = last(s, s.stride), dilation = last(s, s.dilation, 1), low = last(s, s.low),
                     high = last(s, s.high);
  const auto make = describe<dnnl::convolution_forward>();
  return bias ? make(kind, algorithm, any.x, any.w, any.bias, any.y, stride, dilation, low, high)
              : make(kind, algorithm, any.x, any.w, any.y, stride, dilation, low, high);
}

template <class P>
Plan<P> backward_plan(const ConvSizes& s) {
  const Layouts any(s, false);
  return plan_of<P>(describe<P>(forward_description(s, false))(dnnl::algorithm::convolution_direct,
                                                               any.x,
                                                               any.w,
                                                               any.y,
                                                               last(s, s.stride),
                                                               last(s, s.dilation, 1),
                                                               last(s, s.low),
                                                               last(s, s.high)));
}

/// The plan for these sizes, made when first asked for; null where there is none that is fast.
template <class P, class Make>
const Plan<P>* find(std::map<std::pair<ConvSizes, int>, Plan<P>>& known, const ConvSizes& s, Make make) {
  const std::pair key(s, num_threads());
  auto at = known.find(key);
  if (at == known.end()) {
    if (known.size() >= 256) known.clear();
    Plan<P> plan;
    try {
      plan = make();
    } catch (const dnnl::error&) {  // no kernel for these sizes
    }
    at = known.emplace(key, std::move(plan)).first;
  }
  return at->second.ready ? &at->second : nullptr;
}

template <class P>
using Plans = std::map<std::pair<ConvSizes, int>, Plan<P>>;

/// Runs the primitive for these sizes; false where there is none that is fast. `make` gives its plan, and `operands`
/// what it works on, from our layouts and the primitive's description.
template <class P, class Make, class Operands>
bool run(Plans<P>& plans, const ConvSizes& s, Make make, Operands operands) {
  const Plan<P>* plan = find(plans, s, make);
  if (plan == nullptr) return false;
  const auto list = operands(Layouts(s, true), plan->description);
  Copies copies;
  std::unordered_map<int, memory> arguments;
  std::vector<std::pair<Copy*, Operand::Use>> written;
  for (const Operand& o : list) {
    if (o.ours == o.wanted && o.use != Operand::added) {
      arguments[o.argument] = memory(o.ours, engine(), const_cast<float*>(o.data));
      continue;
    }
    Copies& kept = o.copies != nullptr ? *o.copies : copies;
    auto at = std::find_if(kept.begin(), kept.end(), [&](const Copy& c) { return c.is(o.wanted, o.data); });
    if (at == kept.end()) {
      at = kept.emplace(kept.end(), o.ours, o.wanted, o.data, o.share);
      if (o.use == Operand::read) at->read();
    }
    if (o.use != Operand::read) written.emplace_back(&*at, o.use);
    arguments[o.argument] = at->theirs();
  }
  plan->primitive.execute(stream(), arguments);
  for (const auto& [copy, use] : written) copy->write(use == Operand::added);
  stream().wait();
  return true;
}

/// f(sizes, index of its first image, share of all) for some images at a time, as long as it returns true: as many as
/// stay in the caches between being copied and being read, but not so few that most of what is read is weights.
template <class F>
bool for_images(const ConvSizes& s, F f) {
  const std::int64_t image = s.in * volume(s.size) + s.out * volume(s.result);
  const std::int64_t weights = s.out * s.in / s.groups * volume(s.kernel);
  if (s.batch * image * weights == 0) return false;
  constexpr std::int64_t kNumbers = 1 << 17;  // for each thread
  const ThreadLimit limit(num_threads());
  const std::int64_t most = std::max(kNumbers * num_threads(), 4 * weights) / image + 1;
  for (std::int64_t first = 0; first < s.batch; first += most) {
    ConvSizes part = s;
    part.batch = std::min(most, s.batch - first);
    const Share share{static_cast<std::size_t>(part.batch), static_cast<std::size_t>(s.batch)};
    if (!f(part, first, share)) return false;
  }
  return true;
}

}  // namespace

bool dnnl_conv_forward(const ConvSizes& s, const float* x, const float* w, const float* bias, float* y) {
  using P = dnnl::convolution_forward;
  thread_local std::array<Plans<P>, 2> plans;
  const bool with_bias = bias != nullptr;
  Copies weights;
  return for_images(s, [&](const ConvSizes& part, std::int64_t first, const Share& share) {
    return run<P>(
        plans[with_bias],
        part,
        [&] { return plan_of<P>(forward_description(part, with_bias)); },
        [&](const Layouts& ours, const P::primitive_desc& d) {
          std::vector<Operand> operands{
              {DNNL_ARG_SRC, ours.x, d.src_desc(), x + first * s.in * volume(s.size), Operand::read, nullptr, share},
              {DNNL_ARG_WEIGHTS, ours.w, d.weights_desc(), w, Operand::read, &weights},
              {DNNL_ARG_DST,
               ours.y,
               d.dst_desc(),
               y + first * s.out * volume(s.result),
               Operand::written,
               nullptr,
               share}};
          if (with_bias) operands.push_back({DNNL_ARG_BIAS, ours.bias, ours.bias, bias});
          return operands;
        });
  });
}

bool dnnl_conv_gradients(const ConvSizes& s, const float* x, const float* w, const float* g, float* dx, float* dw) {
  using Input = dnnl::convolution_backward_data;
  using Weight = dnnl::convolution_backward_weights;
  thread_local Plans<Input> inputs;
  thread_local Plans<Weight> weights;
  Copies of_w;
  return for_images(s, [&](const ConvSizes& part, std::int64_t first, const Share& share) {
    const std::int64_t image = first * s.in * volume(s.size);
    const float* const from = g + first * s.out * volume(s.result);
    Copies of_g;
    const auto input = [&](const Layouts& ours, const Input::primitive_desc& d) {
      return std::array<Operand, 3>{
          {{DNNL_ARG_DIFF_DST, ours.y, d.diff_dst_desc(), from, Operand::read, &of_g, share},
           {DNNL_ARG_WEIGHTS, ours.w, d.weights_desc(), w, Operand::read, &of_w},
           {DNNL_ARG_DIFF_SRC, ours.x, d.diff_src_desc(), dx + image, Operand::written, nullptr, share}}};
    };
    const auto weight = [&](const Layouts& ours, const Weight::primitive_desc& d) {
      const auto use = first == 0 ? Operand::written : Operand::added;
      return std::array<Operand, 3>{{{DNNL_ARG_SRC, ours.x, d.src_desc(), x + image, Operand::read, nullptr, share},
                                     {DNNL_ARG_DIFF_DST, ours.y, d.diff_dst_desc(), from, Operand::read, &of_g, share},
                                     {DNNL_ARG_DIFF_WEIGHTS, ours.w, d.diff_weights_desc(), dw, use}}};
    };
    return (dx == nullptr || run<Input>(
                                 inputs, part, [&] { return backward_plan<Input>(part); }, input)) &&
           (dw == nullptr || run<Weight>(weights, part, [&] { return backward_plan<Weight>(part); }, weight));
  });
}

}  // namespace gradus::kernels

#else

namespace gradus::kernels {

bool dnnl_conv_forward(const ConvSizes&, const float*, const float*, const float*, float*) { return false; }
bool dnnl_conv_gradients(const ConvSizes&, const float*, const float*, const float*, float*, float*) { return false; }

}  // namespace gradus::kernels

#endif
