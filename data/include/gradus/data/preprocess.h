#pragma once

#include "gradus/data/dataset.h"
#include "gradus/data/npy.h"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

// What is measured on the training inputs and then applied to all. Each step has
//   fit(x)        measures; a failed fit leaves everything as it was
//   transform(x)  applies; the step itself is callable too, so a loader's `.transform`
//   inverse(y)    undoes it, as far as that can be
// and throws ArgumentError if used before `fit`; ShapeError if rows are not shaped like those fitted;
// DTypeError for elements it does not take. `save` and `load` keep a step in a file.

GRADUS_EXPORT_BEGIN
namespace gradus::data {

/// What shares one value: one mean, one deviation, ….
enum class Per : std::uint8_t {
  automatic,  // `channel` for three and more dimensions, else `feature`
  feature,    // each position of a row: of images, a mean image
  channel,    // each index of dimension 1
  all,        // everything
};

/// y = (x - shift) / scale, computed in float64; a scale of 0 counts as 1.
///   shapes    inputs [N, …], float32 or float64; shift and scale […] per feature, [C] per channel,
///             [] for all
class Scaling {
 public:
  Tensor operator()(const Tensor& x, CallSite site = CallSite::here()) const { return apply(x, false, site); }
  Tensor transform(const Tensor& x, CallSite site = CallSite::here()) const { return apply(x, false, site); }
  Tensor inverse(const Tensor& y, CallSite site = CallSite::here()) const { return apply(y, true, site); }

  /// In float64; undefined before `fit`.
  const Tensor& shift() const { return shift_; }
  const Tensor& scale() const { return scale_; }
  Per per() const { return per_; }

  Arrays state(CallSite site = CallSite::here()) const;
  void restore(const Arrays& state, CallSite site = CallSite::here());

 protected:
  Scaling(const char* op, Per per) : op_(op), per_(per) {}
  void set(Per per, Tensor shift, Tensor scale);

  const char* op_;

 private:
  Tensor apply(const Tensor& x, bool inverse, CallSite site) const;

  Per per_;
  Tensor shift_, scale_;
};

struct CenterOptions {
  Per per = Per::automatic;
};

/// Shifts to mean 0.
///   value     x - mean
///   errors    in fit: ArgumentError for no values, or where one is not finite
class Center : public Scaling {
 public:
  static constexpr const char* kName = "center";
  explicit Center(const CenterOptions& options = {}) : Scaling(kName, options.per) {}
  Center& fit(const Tensor& x, CallSite site = CallSite::here());
  const Tensor& mean() const { return shift(); }
};

struct StandardizeOptions {
  Per per = Per::automatic;
  std::int64_t ddof = 0;  // the variance divides by count - ddof
};

/// Shifts and scales to mean 0 and variance 1. What is constant is only shifted.
///   value     (x - mean) / std
///   errors    in fit: ArgumentError for `ddof` or fewer values, or where one is not finite
class Standardize : public Scaling {
 public:
  static constexpr const char* kName = "standardize";
  explicit Standardize(const StandardizeOptions& options = {}) : Scaling(kName, options.per), ddof_(options.ddof) {}
  /// With values measured before.
  ///   errors    ArgumentError if `per` is automatic; ShapeError if the shapes of both differ
  Standardize(const Tensor& mean, const Tensor& std, Per per, CallSite site = CallSite::here());
  Standardize& fit(const Tensor& x, CallSite site = CallSite::here());
  const Tensor& mean() const { return shift(); }
  const Tensor& std() const { return scale(); }

 private:
  std::int64_t ddof_ = 0;
};

struct MinMaxOptions {
  double low = 0, high = 1;
  Per per = Per::automatic;
};

/// Shifts and scales so that the smallest value becomes `low` and the largest `high`. What is constant
/// becomes `low`; new values may come to lie outside.
///   value     low + (high - low) (x - min) / (max - min)
///   errors    ArgumentError unless low < high; in fit: for no values, or where one is not finite
class MinMax : public Scaling {
 public:
  static constexpr const char* kName = "min_max";
  explicit MinMax(const MinMaxOptions& options = {}, CallSite site = CallSite::here());
  MinMax& fit(const Tensor& x, CallSite site = CallSite::here());

 private:
  MinMaxOptions options_;
};

/// Puts the mean of its feature in the place of each missing value (NaN). Has no inverse: that gives
/// back what it is given.
///   shapes    inputs [N, …], float32 or float64; mean […]
///   errors    in fit: ArgumentError for a feature without any value, or with an infinite one
class Impute {
 public:
  static constexpr const char* kName = "impute";
  Impute& fit(const Tensor& x, CallSite site = CallSite::here());
  Tensor operator()(const Tensor& x, CallSite site = CallSite::here()) const { return transform(x, site); }
  Tensor transform(const Tensor& x, CallSite site = CallSite::here()) const;
  Tensor inverse(const Tensor& y, CallSite site = CallSite::here()) const;
  /// In float64; undefined before `fit`.
  const Tensor& mean() const { return mean_; }

  Arrays state(CallSite site = CallSite::here()) const;
  void restore(const Arrays& state, CallSite site = CallSite::here());

 private:
  Tensor mean_;
};

/// What is done with the coordinates along the principal axes.
enum class Whiten : std::uint8_t {
  no,   // y = (x - mean) V
  pca,  // y = (x - mean) V diag(1 / sqrt(w + eps)): variance 1, nothing correlated
  zca,  // that, turned back: y = (x - mean) V diag(1 / sqrt(w + eps)) V^T, shaped like x
};

struct PcaOptions {
  std::int64_t components = 0;  // how many axes to keep; 0: as `variance` says
  double variance = 1;          // keep as few axes as have this share of the variance
  Whiten whiten = Whiten::no;
  double eps = 1e-5;      // of whitening
  std::int64_t ddof = 0;  // the covariance divides by N - ddof
};

/// Principal component analysis: coordinates along the eigenvectors of the covariance, the longest
/// first, computed in float64. The largest entry of each eigenvector is positive. `inverse` is exact
/// if no axis was left out, else it gives the nearest row that has no part along those.
///   shapes    inputs [N, …] with D values a row, float32 or float64; mean […], eigenvalues w [K],
///             eigenvectors V [D, K]; results [N, K], of ZCA like x
///   errors    ArgumentError for options out of range; in fit: for `ddof` or fewer rows, for more
///             components than values in a row, or where a value is not finite
///   source    Pearson 1901; Kessy et al. 2018, "Optimal whitening and decorrelation"
class Pca {
 public:
  static constexpr const char* kName = "pca";
  explicit Pca(const PcaOptions& options = {}, CallSite site = CallSite::here());
  Pca& fit(const Tensor& x, CallSite site = CallSite::here());
  Tensor operator()(const Tensor& x, CallSite site = CallSite::here()) const { return transform(x, site); }
  Tensor transform(const Tensor& x, CallSite site = CallSite::here()) const;
  Tensor inverse(const Tensor& y, CallSite site = CallSite::here()) const;

  // In float64; undefined before `fit`.
  const Tensor& mean() const { return mean_; }
  const Tensor& eigenvalues() const { return values_; }
  const Tensor& eigenvectors() const { return vectors_; }
  /// What centred rows are multiplied by from the right: [D, K], of ZCA [D, D].
  const Tensor& matrix() const { return forward_; }
  /// The share of the variance that was kept.
  double variance_kept() const { return kept_; }

  Arrays state(CallSite site = CallSite::here()) const;
  void restore(const Arrays& state, CallSite site = CallSite::here());

 private:
  void set_matrices();

  PcaOptions options_;
  Tensor mean_, values_, vectors_, forward_, backward_;
  double kept_ = 0;
};

/// Numbers the distinct values 0, 1, … in rising order.
///   shapes    any, of numbers; results int64 of the same shape
///   errors    ArgumentError for NaN, in transform for a value not seen in fit; in inverse
///             IndexError for a number that no value has
class LabelEncode {
 public:
  static constexpr const char* kName = "label_encode";
  LabelEncode& fit(const Tensor& x, CallSite site = CallSite::here());
  Tensor operator()(const Tensor& x, CallSite site = CallSite::here()) const { return transform(x, site); }
  Tensor transform(const Tensor& x, CallSite site = CallSite::here()) const;
  Tensor inverse(const Tensor& y, CallSite site = CallSite::here()) const;
  /// The distinct values [K], of the dtype fitted; undefined before `fit`.
  const Tensor& values() const { return values_; }

  Arrays state(CallSite site = CallSite::here()) const;
  void restore(const Arrays& state, CallSite site = CallSite::here());

 private:
  Tensor values_;
};

/// A column for each distinct value of each feature: 1 where the row has it, else 0.
///   shapes    inputs [N] or [N, F], of numbers; results float32 [N, K], K the number of distinct
///             values over all features; inverse takes the largest column of each feature
///   errors    as for LabelEncode
class OneHot {
 public:
  static constexpr const char* kName = "one_hot";
  OneHot& fit(const Tensor& x, CallSite site = CallSite::here());
  Tensor operator()(const Tensor& x, CallSite site = CallSite::here()) const { return transform(x, site); }
  Tensor transform(const Tensor& x, CallSite site = CallSite::here()) const;
  Tensor inverse(const Tensor& y, CallSite site = CallSite::here()) const;
  /// The values of each feature.
  const std::vector<LabelEncode>& features() const { return features_; }

  Arrays state(CallSite site = CallSite::here()) const;
  void restore(const Arrays& state, CallSite site = CallSite::here());

 private:
  std::vector<LabelEncode> features_;
  bool flat_ = false;  // fitted to [N]
};

/// A step of preprocessing, as those above: one of your own needs no more than this. `state` is what
/// is kept in a file.
template <class T>
concept Preprocessing =
    std::copyable<T> && requires(T step, const T& fitted, const Tensor& x, const Arrays& state, CallSite site) {
      { T::kName } -> std::convertible_to<std::string>;
      step.fit(x, site);
      { fitted.transform(x, site) } -> std::same_as<Tensor>;
      { fitted.inverse(x, site) } -> std::same_as<Tensor>;
      { fitted.state(site) } -> std::same_as<Arrays>;
      step.restore(state, site);
    };

/// Steps one after the other, each fitted on what those before make of the training inputs:
/// `Pipeline(Impute(), Standardize(), Pca({.variance = 0.95}))`. It is a step itself.
class Pipeline {
 public:
  static constexpr const char* kName = "pipeline";
  Pipeline() = default;
  template <class... T>
    requires(sizeof...(T) > 1 || (sizeof...(T) == 1 && (!std::same_as<T, Pipeline> && ...)))
  explicit Pipeline(T... steps) {
    (add(std::move(steps)), ...);
  }
  Pipeline(const Pipeline& other);
  Pipeline& operator=(const Pipeline& other) { return *this = Pipeline(other); }
  Pipeline(Pipeline&&) = default;
  Pipeline& operator=(Pipeline&&) = default;

  template <class T>
  Pipeline& add(T step) {
    steps_.push_back(std::make_unique<Held<T>>(std::move(step)));
    return *this;
  }
  std::size_t size() const { return steps_.size(); }
  /// The step at a place; null if it is of another type, or there is none.
  template <class T>
  const T* step(std::size_t i) const {
    const auto* held = i < size() ? dynamic_cast<const Held<T>*>(steps_[i].get()) : nullptr;
    return held == nullptr ? nullptr : &held->step;
  }

  Pipeline& fit(const Tensor& x, CallSite site = CallSite::here());
  Tensor operator()(const Tensor& x, CallSite site = CallSite::here()) const { return transform(x, site); }
  Tensor transform(const Tensor& x, CallSite site = CallSite::here()) const;
  Tensor inverse(const Tensor& y, CallSite site = CallSite::here()) const;

  Arrays state(CallSite site = CallSite::here()) const;
  /// Without steps it gets those saved, all of the library's own kinds; else they must be the same.
  void restore(const Arrays& state, CallSite site = CallSite::here());

 private:
  struct Step {
    virtual ~Step() = default;
    virtual std::unique_ptr<Step> clone() const = 0;
    virtual std::string name() const = 0;
    virtual void fit(const Tensor& x, CallSite site) = 0;
    virtual Tensor transform(const Tensor& x, CallSite site) const = 0;
    virtual Tensor inverse(const Tensor& y, CallSite site) const = 0;
    virtual Arrays state(CallSite site) const = 0;
    virtual void restore(const Arrays& state, CallSite site) = 0;
  };
  template <class T>
  struct Held final : Step {
    static_assert(Preprocessing<T>);
    T step;
    explicit Held(T s) : step(std::move(s)) {}
    std::unique_ptr<Step> clone() const override { return std::make_unique<Held>(step); }
    std::string name() const override { return T::kName; }
    void fit(const Tensor& x, CallSite site) override { step.fit(x, site); }
    Tensor transform(const Tensor& x, CallSite site) const override { return step.transform(x, site); }
    Tensor inverse(const Tensor& y, CallSite site) const override { return step.inverse(y, site); }
    Arrays state(CallSite site) const override { return step.state(site); }
    void restore(const Arrays& state, CallSite site) override { step.restore(state, site); }
  };
  static std::unique_ptr<Step> make(const std::string& name);

  std::vector<std::unique_ptr<Step>> steps_;
};

namespace detail {
void save_state(const char* kind, const Arrays& state, const std::string& path, CallSite site);
Arrays load_state(const char* kind, const std::string& path, CallSite site);
/// The same error, with the path.
[[noreturn]] void fail_in(const IoError& error, const std::string& path);
}  // namespace detail

/// Writes a fitted step to an .npz file.
///   errors    ArgumentError if it is not fitted; IoError
template <Preprocessing T>
void save(const T& step, const std::string& path, CallSite site = CallSite::here()) {
  detail::save_state(T::kName, step.state(site), path, site);
}
/// Reads it back: `auto scale = load<Standardize>("scale.npz")`.
///   errors    IoError for anything but what `save` writes for that type
template <Preprocessing T>
T load(const std::string& path, T step = T(), CallSite site = CallSite::here()) {
  const Arrays state = detail::load_state(T::kName, path, site);
  try {
    step.restore(state, site);
  } catch (const IoError& error) {
    detail::fail_in(error, path);
  }
  return step;
}

/// Fits on the training inputs alone and transforms those of all three parts.
template <Preprocessing T>
Splits fit_transform(T& step, Splits splits, CallSite site = CallSite::here()) {
  step.fit(splits.train.inputs, site);
  for (Dataset* part : {&splits.train, &splits.validation, &splits.test})
    if (part->inputs.defined()) part->inputs = step.transform(part->inputs, site);
  const Tensor& x = splits.train.inputs;
  for (Dataset* part : {&splits.train, &splits.validation, &splits.test})
    if (x.rank() != 2 || x.size(1) != static_cast<std::int64_t>(part->feature_names.size()))
      part->feature_names.clear();  // features are other ones now
  return splits;
}

}  // namespace gradus::data
GRADUS_EXPORT_END
