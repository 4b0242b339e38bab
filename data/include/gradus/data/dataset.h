#pragma once

#include "gradus/tensor/random.h"
#include "gradus/tensor/tensor.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::data {

/// Examples and what is to be learnt of them. Copies share the tensors.
struct Dataset {
  Tensor inputs{};                           // [N, …]
  Tensor targets{};                          // classes as int64 [N], or values [N, …]; may be undefined
  std::vector<std::string> class_names{};    // of class 0, 1, …; may be empty
  std::vector<std::string> feature_names{};  // of the columns of `inputs`; may be empty

  /// The number of rows; 0 without inputs.
  std::int64_t size() const;
  /// The number of class names, or without any the largest class + 1; 0 if targets are not int64.
  std::int64_t num_classes() const;

  /// The rows `begin` … `end` - 1, as views that share the data.
  ///   errors    IndexError unless 0 <= begin <= end <= size(); ShapeError if there are targets but
  ///             not one for each row
  Dataset slice(std::int64_t begin, std::int64_t end, CallSite site = CallSite::here()) const;
  /// Copies of the rows listed, in that order; a row may come twice.
  ///   shapes    indices [M], int64
  ///   errors    IndexError if an index is not in 0 … size() - 1; ShapeError as for `slice`
  Dataset subset(const Tensor& indices, CallSite site = CallSite::here()) const;
};

/// Some rows at once: `auto [x, y] = batch`.
struct Batch {
  Tensor inputs{}, targets{};
  Tensor lengths{};  // int64 [N]: how far each row reaches, of those that were padded; else undefined

  template <std::size_t I>
  Tensor& get() {
    return I == 0 ? inputs : targets;
  }
  template <std::size_t I>
  const Tensor& get() const {
    return I == 0 ? inputs : targets;
  }
};

/// The usual three parts; a part that is not there is empty.
struct Splits {
  Dataset train{}, validation{}, test{};
};

struct SplitOptions {
  double validation = 0.1;  // shares of the rows; training gets the rest
  double test = 0.1;
  bool shuffle = true;      // without it: training first, then validation, then test, as views
  bool stratified = false;  // every class has the same shares, as far as whole rows allow
};

/// Divides a data set in three. With `shuffle` or `stratified` the parts are copies: for large data
/// prefer views, or a `Loader` over `indices`.
///   errors    ArgumentError if a share is negative, if both exceed 1, or if there are no classes
///             to stratify by
Splits split(const Dataset& all,
             const SplitOptions& options = {},
             Generator& generator = default_generator(),
             CallSite site = CallSite::here());

}  // namespace gradus::data
GRADUS_EXPORT_END

template <>
struct std::tuple_size<gradus::data::Batch> : std::integral_constant<std::size_t, 2> {};
template <std::size_t I>
struct std::tuple_element<I, gradus::data::Batch> {
  using type = gradus::Tensor;
};
