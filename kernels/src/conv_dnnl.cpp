#include "conv_dnnl.h"

#ifdef GRADUS_HAVE_DNNL

#include "gradus/tensor/memory.h"
#include "gradus/tensor/runtime.h"

#include <dnnl.hpp>

#include <list>
#include <map>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

// Convolutions by oneDNN 2 or 3 (Debian's libdnnl-dev). It chooses the layouts of its operands; where these are not
// ours, they are reordered before and after.

namespace gradus::kernels {
using namespace detail;

namespace {

using dnnl::memory;
using Tag = memory::format_tag;

dnnl::engine& engine() {
  static dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
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

/// An operand of a primitive: what it is there, its layouts here and there, and the caller's array.
struct Operand {
  int argument;
  memory::desc ours, wanted;
  void* data;
  bool written = false;
};

/// The array, or while it lives a copy in the wanted layout.
class Copy {
 public:
  explicit Copy(const Operand& o) : operand_(o), ours_(o.ours, engine(), o.data) {
    if (o.ours == o.wanted) return;
    bytes_ = o.wanted.get_size();
    copy_ = allocate(bytes_);
    other_ = memory(o.wanted, engine(), copy_);
  }
  ~Copy() {
    if (copy_ != nullptr) deallocate(copy_, bytes_);
  }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;

  std::pair<const int, memory> argument() const { return {operand_.argument, copy_ != nullptr ? other_ : ours_}; }
  void read(dnnl::stream& stream) {
    if (copy_ != nullptr && !operand_.written) dnnl::reorder(ours_, other_).execute(stream, ours_, other_);
  }
  void write(dnnl::stream& stream) {
    if (copy_ != nullptr && operand_.written) dnnl::reorder(other_, ours_).execute(stream, other_, ours_);
  }

 private:
  const Operand& operand_;
  memory ours_, other_;
  void* copy_ = nullptr;
  std::size_t bytes_ = 0;
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

dnnl::stream& stream() {
  thread_local dnnl::stream s(engine());
  return s;
}

bool empty(const ConvSizes& s) {
  return s.batch * s.in * s.out * volume(s.size) * volume(s.result) * volume(s.kernel) == 0;
}

void* writable(const float* data) { return const_cast<float*>(data); }

/// Runs the primitive for these sizes; false where there is none that is fast. `make` gives its plan, and `operands`
/// what it works on, from our layouts and the primitive's description.
template <class P, class Make, class Operands>
bool run(Plans<P>& plans, const ConvSizes& s, Make make, Operands operands) {
  if (empty(s)) return false;
  const ThreadLimit limit(num_threads());
  const Plan<P>* plan = find(plans, s, make);
  if (plan == nullptr) return false;
  const auto list = operands(Layouts(s, true), plan->description);
  std::list<Copy> copies;
  std::unordered_map<int, memory> arguments;
  for (const Operand& o : list) {
    Copy& copy = copies.emplace_back(o);
    copy.read(stream());
    arguments.insert(copy.argument());
  }
  plan->primitive.execute(stream(), arguments);
  for (Copy& copy : copies) copy.write(stream());
  stream().wait();
  return true;
}

}  // namespace

bool dnnl_conv_forward(const ConvSizes& s, const float* x, const float* w, const float* bias, float* y) {
  using P = dnnl::convolution_forward;
  thread_local std::array<Plans<P>, 2> plans;
  const bool with_bias = bias != nullptr;
  return run<P>(
      plans[with_bias],
      s,
      [&] { return plan_of<P>(forward_description(s, with_bias)); },
      [&](const Layouts& ours, const P::primitive_desc& d) {
        std::vector<Operand> operands{{DNNL_ARG_SRC, ours.x, d.src_desc(), writable(x)},
                                      {DNNL_ARG_WEIGHTS, ours.w, d.weights_desc(), writable(w)},
                                      {DNNL_ARG_DST, ours.y, d.dst_desc(), y, true}};
        if (with_bias) operands.push_back({DNNL_ARG_BIAS, ours.bias, ours.bias, writable(bias)});
        return operands;
      });
}

bool dnnl_conv_input(const ConvSizes& s, const float* g, const float* w, float* dx) {
  using P = dnnl::convolution_backward_data;
  thread_local Plans<P> plans;
  return run<P>(
      plans,
      s,
      [&] { return backward_plan<P>(s); },
      [&](const Layouts& ours, const P::primitive_desc& d) {
        return std::array<Operand, 3>{{{DNNL_ARG_DIFF_DST, ours.y, d.diff_dst_desc(), writable(g)},
                                       {DNNL_ARG_WEIGHTS, ours.w, d.weights_desc(), writable(w)},
                                       {DNNL_ARG_DIFF_SRC, ours.x, d.diff_src_desc(), dx, true}}};
      });
}

bool dnnl_conv_weight(const ConvSizes& s, const float* x, const float* g, float* dw) {
  using P = dnnl::convolution_backward_weights;
  thread_local Plans<P> plans;
  return run<P>(
      plans,
      s,
      [&] { return backward_plan<P>(s); },
      [&](const Layouts& ours, const P::primitive_desc& d) {
        return std::array<Operand, 3>{{{DNNL_ARG_SRC, ours.x, d.src_desc(), writable(x)},
                                       {DNNL_ARG_DIFF_DST, ours.y, d.diff_dst_desc(), writable(g)},
                                       {DNNL_ARG_DIFF_WEIGHTS, ours.w, d.diff_weights_desc(), dw, true}}};
      });
}

}  // namespace gradus::kernels

#else

namespace gradus::kernels {

bool dnnl_conv_forward(const ConvSizes&, const float*, const float*, const float*, float*) { return false; }
bool dnnl_conv_input(const ConvSizes&, const float*, const float*, float*) { return false; }
bool dnnl_conv_weight(const ConvSizes&, const float*, const float*, float*) { return false; }

}  // namespace gradus::kernels

#endif
