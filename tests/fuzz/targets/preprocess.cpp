#include "gradus/data/preprocess.h"

#include "target.h"
#include "zips.h"

#include "gradus/ops/shape.h"

namespace gradus::fuzz {
namespace {

std::string fitted(const TempFolder& folder, data::Pipeline steps) {
  const Tensor x = reshape(cast(arange(12), float32), {4, 3});
  data::save(steps.fit(x), folder.path("seed"));
  return data::read_bytes(folder.path("seed"));
}

const Registered kPreprocess{{
    .name = "preprocess",
    .file = "scale.npz",
    .seeds = [](const TempFolder& folder) -> std::vector<std::string> {
      return {fitted(folder, data::Pipeline(data::Standardize())),
              fitted(folder, data::Pipeline(data::Impute(), data::Pca({.components = 2}))),
              fitted(folder, data::Pipeline(data::Pipeline(data::Center()), data::MinMax()))};
    },
    .read =
        [](const std::string& path) {
          const auto steps = data::load<data::Pipeline>(path);
          try {
            steps.transform(zeros({2, 3}));
          } catch (const Error&) {  // the file may be of other rows
          }
        },
    .per_byte = 10'000,
    .mend = data::mend_zip,
    .words = {"0.pipeline.", "0.standardize.shift.npy", "0.one_hot.", "'shape': (3,)"},
}};

}  // namespace
}  // namespace gradus::fuzz
