#pragma once

#include "gradus/data/dataset.h"
#include "gradus/tensor/random.h"

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

// Random changes of images [N, C, H, W], float32 or float64, for training only. Each image has a
// generator of its own, so what becomes of it depends on neither its neighbours nor the number of
// threads; with a loader's `.augment` it is decided by seed, epoch and place in the epoch. All throw
// ShapeError for other shapes, DTypeError for other elements, ArgumentError for options out of range.

GRADUS_EXPORT_BEGIN
namespace gradus::data {

/// A random change of a batch, or several one after the other: `{horizontal_flip(), random_crop()}`.
/// A function of your own has the form `Batch f(Batch, std::span<Generator> generators)`, one
/// generator a row, and is called from several threads at once if the loader has several.
class Augmentation {
 public:
  using Function = std::function<Batch(Batch, std::span<Generator>, std::int64_t classes)>;

  /// Changes nothing.
  Augmentation() = default;
  Augmentation(std::initializer_list<Augmentation> steps);
  template <class F>
    requires std::is_invocable_r_v<Batch, const F&, Batch, std::span<Generator>>
  Augmentation(F f)
      : call_([f = std::move(f)](Batch batch, std::span<Generator> generators, std::int64_t) {
          return f(std::move(batch), generators);
        }) {}
  /// The same for a function that also wants the number of classes.
  explicit Augmentation(Function f) : call_(std::move(f)) {}

  explicit operator bool() const { return static_cast<bool>(call_); }

  /// With a generator for each row.
  Batch operator()(const Batch& batch,
                   std::span<Generator> generators,
                   std::int64_t classes = 0,
                   CallSite site = CallSite::here()) const;
  /// With generator.split(0), generator.split(1), ….
  Batch operator()(const Batch& batch,
                   const Generator& generator,
                   std::int64_t classes = 0,
                   CallSite site = CallSite::here()) const;

 private:
  Function call_;
};

/// Left becomes right with probability p.
Augmentation horizontal_flip(double p = 0.5, CallSite site = CallSite::here());
/// Top becomes bottom with probability p.
Augmentation vertical_flip(double p = 0.5, CallSite site = CallSite::here());

struct RandomCropOptions {
  std::int64_t padding = 4;  // zeros on each side
  std::int64_t size = 0;     // height and width of the result; 0: those of the image
};
/// A window at a random place of the padded image.
Augmentation random_crop(const RandomCropOptions& options = {}, CallSite site = CallSite::here());

struct ResizedCropOptions {
  double least = 0.08, most = 1;  // part of the area
  double ratio = 4.0 / 3;         // width over height is from 1 / ratio to ratio
  std::int64_t size = 0;          // height and width of the result; 0: those of the image
};
/// A window of random area and shape, resized bilinearly.
///   source    Szegedy et al. 2015, "Going deeper with convolutions"
Augmentation random_resized_crop(const ResizedCropOptions& options = {}, CallSite site = CallSite::here());

/// Turned about its middle by an angle from -degrees to degrees, counter-clockwise, bilinearly;
/// zero where it turned away.
Augmentation random_rotation(double degrees = 15, CallSite site = CallSite::here());

struct ColorJitterOptions {
  double brightness = 0.4;  // V times 1 - b … 1 + b
  double contrast = 0.4;    // distance from the mean grey times 1 - c … 1 + c
  double saturation = 0.4;  // S times 1 - s … 1 + s
  double hue = 0.1;         // H turned by -h … h of the circle
};
/// Other light and colours, in this order, by way of hue, saturation and value (Smith 1978). Values
/// are, and stay, in [0, 1].
///   shapes    [N, 3, H, W]: red, green, blue; or [N, 1, H, W], which has no hue and saturation
///   errors    when applied: ArgumentError for a value outside [0, 1] by more than rounding
Augmentation color_jitter(const ColorJitterOptions& options = {}, CallSite site = CallSite::here());

struct LightingOptions {
  double std = 0.1;
  Tensor images = {};  // [M, 3, H, W] whose colours are measured; undefined: ImageNet's are taken
};
/// Adds V (a w), a ~ normal(0, std)^3, to every pixel: V and w are the eigenvectors and eigenvalues of
/// the covariance of the colours.
///   shapes    [N, 3, H, W]
///   source    Krizhevsky et al. 2012, "ImageNet classification with deep convolutional networks"
Augmentation lighting(const LightingOptions& options = {}, CallSite site = CallSite::here());

struct RandomErasingOptions {
  double p = 0.5;
  double least = 0.02, most = 0.33;  // part of the area
  double ratio = 3.3;                // height over width is from 1 / ratio to ratio
  double value = 0;                  // what stands there then
};
/// With probability p a rectangle is erased.
///   source    Zhong et al. 2017, "Random erasing data augmentation"
Augmentation random_erasing(const RandomErasingOptions& options = {}, CallSite site = CallSite::here());

/// Each row is mixed with another of the batch: l x + (1 - l) x', l ~ Beta(alpha, alpha), and targets
/// likewise. Classes (int64 [N]) become probabilities, float32 [N, classes]. Inputs of any shape.
///   errors    ArgumentError for classes if their number isn't given (a loader does)
///   source    Zhang et al. 2017, "mixup: Beyond empirical risk minimization"
Augmentation mixup(double alpha = 0.2, CallSite site = CallSite::here());

/// From text: words between commas, each with a number if wanted: "flip, crop 4, mixup 0.2".
///   flip [P]  vflip [P]  crop [PADDING]  resized_crop [LEAST]  rotate [DEGREES]  color [STRENGTH]
///   lighting [STD]  erase [P]  mixup [ALPHA]
///   errors    ArgumentError that points at a word it does not know
Augmentation augmentation(const std::string& text, CallSite site = CallSite::here());

}  // namespace gradus::data
GRADUS_EXPORT_END
