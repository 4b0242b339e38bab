#pragma once

#include "gradus/autograd/functional.h"
#include "gradus/ops/registry.h"

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
/// The properties that every op has, as functions that say what is wrong. No test framework in here; the
/// macro GRADUS_TEST_OP of <gradus/testing.h> makes tests of it.
namespace gradus::op_suite {

/// One op called in one way.
struct Subject {
  std::string name;             // "mul"
  const OpClass* op = nullptr;  // null if it is made of other ops
  Example example;
  bool library = false;  // of all_ops(): then all that it records must be, too
  bool partial = false;  // one of several results: the rule need not use all that is saved
};

/// A property, with the check that collects sentences about what violates it.
struct Property {
  const char* name;     // "second_order"
  const char* meaning;  // "second derivatives agree with differences of first ones"
  void (*check)(const Subject&, std::vector<std::string>& failures);
};

/// All that the suite checks.
std::span<const Property> properties();

/// What is wrong with the subject; empty if nothing. An exception is a failure too.
std::vector<std::string> failures(const Property& property, const Subject& subject);
/// The same for all properties, each sentence with the property's name in front.
std::vector<std::string> failures(const Subject& subject);

/// The ops that calls of the subject leave on the tape, in either floating dtype.
std::vector<const OpClass*> recorded_ops(const Subject& subject);

/// An op of the table in each of its examples.
std::vector<Subject> subjects(const OpEntry& entry);

namespace detail {

template <class F>
constexpr bool is_elementwise = requires(const F& f) {
  F::arity();
  { f.op() } -> std::convertible_to<const OpClass&>;
};
template <class F>
constexpr bool is_op_function = requires { F::op_type::info; };
template <class F>
constexpr bool is_plain = requires(const F& f) {
  F::op_arity;
  { f.op() } -> std::convertible_to<const OpClass&>;
};
template <class F>
constexpr bool is_op = is_elementwise<F> || is_op_function<F> || is_plain<F>;

/// What is said of an op.
template <class F>
const OpInfo& info_of(const F& f) {
  if constexpr (is_op_function<F>)
    return F::op_type::info;
  else
    return f.op().info;
}

/// All results in one row.
Tensor join(std::span<const Tensor> results);

template <class F>
std::vector<Subject> of(const char* text, const F& f, const std::vector<Sample>& inputs, int results) {
  Subject s{text, nullptr, {"", inputs, {}}};
  if constexpr (is_op<F>) {
    s.name = info_of(f).name;
    s.example.differentiable = info_of(f).differentiable;
    s.example.elementwise = is_elementwise<F>;
    if constexpr (is_op_function<F>)
      s.op = &op_class<typename F::op_type>;
    else
      s.op = &f.op();
  }
  s.example.call = [f](std::span<const Tensor> in) {
    const std::vector<Tensor> ys = gradus::detail::function_of(f)(in);
    return ys.size() == 1 ? ys[0] : join(ys);
  };
  std::vector<Subject> all{s};
  for (int k = 0; k < results && results > 1; ++k) {
    s.example.label = "result " + std::to_string(k);
    s.example.call = [f, k](std::span<const Tensor> in) {
      return gradus::detail::function_of(f)(in).at(static_cast<std::size_t>(k));
    };
    s.partial = true;
    all.push_back(s);
  }
  return all;
}

}  // namespace detail

// Subjects from a user's function: an `elementwise` lambda, an op made by `make_op`, or any callable that takes
// tensors. `text` names those that have no name of their own.

/// With inputs as the samples say.
template <class F>
std::vector<Subject> subjects(const char* text, const F& f, const std::vector<Sample>& inputs) {
  int results = 1;
  if constexpr (detail::is_op<F>) results = detail::info_of(f).outputs;
  return detail::of(text, f, inputs, results);
}
template <class F, class... More>
std::vector<Subject> subjects(const char* text, const F& f, const Sample& first, const More&... more) {
  return subjects(text, f, std::vector<Sample>{first, more...});
}
/// With inputs [2, 3], drawn from one domain each, or all from one. An op that is no lambda then has to take
/// inputs of that shape.
template <class F, class... More>
  requires detail::is_op<F>
std::vector<Subject> subjects(const char* text, const F& f, const Domain& first, const More&... more) {
  std::vector<Domain> domains{first, more...};
  std::vector<Sample> inputs;
  const int arity = detail::info_of(f).arity;  // or kVariadic
  for (int i = 0; i < std::max(arity, static_cast<int>(domains.size())); ++i)
    inputs.push_back({{2, 3}, domains[std::min<std::size_t>(static_cast<std::size_t>(i), domains.size() - 1)]});
  return subjects(text, f, inputs);
}
/// With inputs [2, 3] from the op's own domain.
template <class F>
  requires detail::is_op<F>
std::vector<Subject> subjects(const char* text, const F& f) {
  return subjects(text, f, detail::info_of(f).domain);
}

}  // namespace gradus::op_suite
GRADUS_EXPORT_END
