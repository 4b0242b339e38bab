#include "oracle.h"

namespace oracle {
namespace {

using namespace gradus;

std::int64_t ddof_of(const Json& attrs) {
  if (attrs.contains("ddof")) return attrs["ddof"].get<std::int64_t>();
  return attrs.value("divide_by", "n") == "n" ? 0 : 1;
}

/// Columns of `x` with the sign that makes those of `vectors` like those of `wanted`.
Tensor with_signs(const Tensor& x, const Tensor& vectors, const Tensor& wanted) {
  const Tensor agreement = sum(mul(vectors, wanted), 0, true);
  return mul(x, sign(agreement));
}

Arrays run_pca(const Json& attrs, const Arrays& given) {
  const Tensor& x = given.at("X");
  const auto ddof = ddof_of(attrs);
  const bool reduced = attrs.contains("components") && !attrs["components"].is_null();
  const auto pca =
      data::Pca({.components = reduced ? attrs["components"].get<std::int64_t>() : 0, .ddof = ddof}).fit(x);
  const Tensor v = pca.eigenvectors();
  const Tensor wanted = given.contains("eigenvectors") ? given.at("eigenvectors") : v;
  const Tensor centred = sub(x, pca.mean());
  return {{"mean", pca.mean()},
          {"covariance", mul(matmul(transpose(centred), centred), 1.0 / static_cast<double>(x.size(0) - ddof))},
          {"eigenvalues", pca.eigenvalues()},
          {"eigenvectors", with_signs(v, v, wanted)},
          {"projected", with_signs(pca(x), v, wanted)}};
}

Arrays run_standardise(const Json& attrs, const Arrays& given) {
  const auto scale = data::Standardize({.ddof = ddof_of(attrs)}).fit(given.at("X"));
  Arrays result{{"mean", scale.mean()}, {"std", scale.std()}, {"Y", scale(given.at("X"))}};
  if (given.contains("Xtest")) result["Ytest"] = scale(given.at("Xtest"));
  return result;
}

Arrays run_min_max(const Json& attrs, const Arrays& given) {
  const auto scale =
      data::MinMax({.low = attrs.value("low", 0.0), .high = attrs.value("high", 1.0)}).fit(given.at("X"));
  Arrays result{{"Y", scale(given.at("X"))}};
  if (given.contains("Xtest")) result["Ytest"] = scale(given.at("Xtest"));
  return result;
}

template <data::Whiten kind>
Arrays run_whiten(const Json& attrs, const Arrays& given) {
  const auto whiten =
      data::Pca({.whiten = kind, .eps = attrs.value("eps", 1e-5), .ddof = ddof_of(attrs)}).fit(given.at("X"));
  Arrays result{{"mean", whiten.mean()}, {"W", whiten.matrix()}, {"Y", whiten(given.at("X"))}};
  if (given.contains("Xtest")) result["Ytest"] = whiten(given.at("Xtest"));
  if constexpr (kind == data::Whiten::pca) {
    if (given.contains("W"))
      for (auto& [name, array] : result)
        if (name != "mean") array = with_signs(array, whiten.matrix(), given.at("W"));
  }
  return result;
}

}  // namespace

const Procedure* find_preprocessing(const std::string& op) {
  static const std::map<std::string, Procedure> table{
      {"pca", run_pca},
      {"standardise", run_standardise},
      {"min_max", run_min_max},
      {"pca_whiten", run_whiten<data::Whiten::pca>},
      {"zca_whiten", run_whiten<data::Whiten::zca>},
  };
  const auto at = table.find(op);
  return at == table.end() ? nullptr : &at->second;
}

}  // namespace oracle
