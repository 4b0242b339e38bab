#include "oracle.h"

#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <regex>

namespace oracle {

std::vector<Tensor> Call::all() const {
  std::vector<Tensor> list;
  for (const std::string& name : names_) list.push_back((*this)(name));
  return list;
}

double Call::number(const char* key) const {
  const Json& value = attrs_.at(key);
  if (!value.is_string()) return value.get<double>();
  if (value == "inf") return INFINITY;
  if (value == "-inf") return -INFINITY;
  if (value == "nan") return NAN;
  if (value == "fro") return 2;  // a norm
  throw Missing{value.get<std::string>()};
}

double Call::number(const char* key, double otherwise) const {
  return has(key) ? number(key) : otherwise;
}

gradus::Shape Call::shape(const char* key) const {
  gradus::Shape shape;
  if (attrs_.at(key).is_number()) return {attrs_.at(key).get<std::int64_t>()};
  for (const Json& size : attrs_.at(key)) shape.push_back(size.get<std::int64_t>());
  return shape;
}

namespace {

struct Tolerance {
  double rtol = 1e-9, atol = 1e-11;
};

/// Of an array of a case: what its fields say (rtol, rel_tol, atol, abs_tol, tolerance: a number, or an object of
/// those or of numbers by array), else its note ("compare to 1e-8", "tolerance 1e-8"), else the format.
Tolerance tolerance_of(const Json& c, const std::string& array) {
  Tolerance t;
  static const std::regex said(
      R"((?:compare[^.;]*? to|tolerance(?: of)?|within) ([0-9][0-9.]*e-[0-9]+))");
  std::smatch match;
  const std::string note = c.value("note", "");
  if (std::regex_search(note, match, said)) t.rtol = t.atol = std::stod(match[1]);
  // Errors grow along a run.
  if (c.at("kind") == "train") t.rtol = t.atol = array == "loss" ? 1e-8 : 1e-7;
  const auto read = [&](const Json& from) {
    for (const char* key : {"rtol", "rel_tol"})
      if (from.contains(key)) t.rtol = from[key];
    for (const char* key : {"atol", "abs_tol"})
      if (from.contains(key)) t.atol = from[key];
    if (from.contains(array) && from[array].is_number()) t.rtol = t.atol = from[array];
  };
  read(c);
  if (c.contains("tolerance")) {
    if (c["tolerance"].is_number())
      t.rtol = t.atol = c["tolerance"];
    else
      read(c["tolerance"]);
  }
  return t;
}

/// "" if `got` is `want` within the tolerance, else by how much it is not.
std::string difference(const std::string& what,
                       const Tensor& got,
                       const Tensor& want,
                       Tolerance tolerance) {
  if (!got.defined()) return what + ": missing";
  if (got.shape() != want.shape())
    return fmt::format(
        "{}: shape {}, expected {}", what, to_string(got.shape()), to_string(want.shape()));
  if (is_floating(got.dtype()) != is_floating(want.dtype()))
    return fmt::format(
        "{}: {}, expected {}", what, to_string(got.dtype()), to_string(want.dtype()));
  const auto a = got.to_vector(), b = want.to_vector();
  double worst = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    double excess = std::abs(a[i] - b[i]) / (tolerance.atol + tolerance.rtol * std::abs(b[i]));
    if (!std::isfinite(excess)) excess = INFINITY;
    if (excess > worst) worst = excess, at = i;
  }
  if (worst <= 1) return "";
  return fmt::format("{}[{}]: {:.12g}, expected {:.12g} ({:.2g} times the tolerance)",
                     what,
                     at,
                     a[at],
                     b[at],
                     worst);
}

/// The steps of a view, as differentiable ops.
Tensor apply_steps(Tensor x, const Json& steps) {
  for (const Json& step : steps) {
    const std::string name = step[0];
    const auto axes = step[1].get<Json>();
    if (name == "permute") {
      x = gradus::permute(x, gradus::Shape(axes.get<std::vector<std::int64_t>>()));
    } else if (name == "expand") {
      x = gradus::broadcast_to(x, gradus::Shape(axes.get<std::vector<std::int64_t>>()));
    } else if (name == "flip") {
      x = gradus::flip(x, gradus::Shape(axes.get<std::vector<std::int64_t>>()));
    } else if (name == "slice") {
      x = slice_ranges(x, axes);
    } else {
      throw Missing{"view step " + name};
    }
  }
  return x;
}

/// Runs one differentiable case; the failures found.
std::vector<std::string> run_differentiable(const Json& c, const Arrays& arrays) {
  std::vector<std::string> failures;
  const auto compare = [&](const std::string& what, const Tensor& got, const Tensor& want) {
    std::string text = difference(what, got, want, tolerance_of(c, what));
    if (!text.empty()) failures.push_back(std::move(text));
  };
  const Json& grads = c.at("grads");
  const Json views = c.value("views", Json::object());

  Arrays inputs, bases;
  for (const std::string name : c.at("inputs")) {
    Tensor x = gradus::clone(arrays.at(name));
    if (views.contains(name)) {
      Tensor base = gradus::clone(arrays.at(views[name].at("base").get<std::string>()));
      if (grads.contains(name)) gradus::set_requires_grad(base);
      bases[name] = base;
      x = apply_steps(base, views[name].at("steps"));
      compare("view " + name, x, arrays.at(name));
    } else if (grads.contains(name)) {
      gradus::set_requires_grad(x);
    }
    inputs[name] = x;
  }

  std::vector<Tensor> outputs;
  if (c.at("kind") == "program") {
    const std::string missing = missing_in_program(c.at("program"));
    if (!missing.empty()) throw Missing{missing};
    outputs = run_program(c.at("program"), c.at("attrs").at("result"), inputs);
  } else {
    const Function* function = find_function(c.at("op"));
    if (function == nullptr) throw Missing{c.at("op")};
    Json attrs = c.at("attrs");
    attrs["note"] = c.value("note", "");  // which may change what is computed
    outputs = (*function)(Call(attrs, inputs, c.at("inputs").get<std::vector<std::string>>()));
  }

  std::vector<Tensor> results, cotangents;
  for (std::size_t k = 0; k < c.at("outputs").size(); ++k) {
    const std::string name = c.at("outputs")[k];
    if (k >= outputs.size()) {
      failures.push_back(name + ": missing");
      continue;
    }
    compare(name, outputs[k], arrays.at(name));
    if (!c.at("cotangents").contains(name) || !requires_grad(outputs[k])) continue;
    results.push_back(outputs[k]);
    cotangents.push_back(arrays.at(c.at("cotangents").at(name).get<std::string>()));
    if (cotangents.back().shape() != outputs[k].shape()) return failures;
  }
  if (grads.empty()) return failures;
  if (results.empty()) {
    for (const auto& [name, array] : grads.items())
      compare(
          "grad " + name, gradus::zeros_like(inputs[name]), arrays.at(array.get<std::string>()));
    return failures;
  }

  std::vector<Tensor> wanted;
  for (const auto& [name, array] : grads.items()) wanted.push_back(inputs[name]);
  for (const auto& [name, base] : bases)
    if (grads.contains(name)) wanted.push_back(base);
  const bool second = c.value("hvp", false);
  // Once as a training step does it, and once recorded: the rules may take different ways.
  const auto plain = gradus::grad(results, wanted, cotangents, {.retain_graph = true});
  const auto recorded =
      second ? gradus::grad(results, wanted, cotangents, {.create_graph = true}) : plain;
  std::vector<Tensor> first, directions;
  std::size_t i = 0;
  for (const auto& [name, array] : grads.items()) {
    compare("grad " + name, plain[i], arrays.at(array.get<std::string>()));
    if (second) compare("recorded grad " + name, recorded[i], arrays.at(array.get<std::string>()));
    if (second && requires_grad(recorded[i])) {
      first.push_back(recorded[i]);
      directions.push_back(arrays.at("v." + name));
    }
    ++i;
  }
  for (const auto& [name, base] : bases)
    if (grads.contains(name))
      compare("grad of the base of " + name,
              plain[i++],
              arrays.at(views[name].at("grad").get<std::string>()));
  if (!second) return failures;

  i = 0;
  const std::size_t count = grads.size();
  const std::vector<Tensor> keys(wanted.begin(),
                                 wanted.begin() + static_cast<std::ptrdiff_t>(count));
  const std::vector<Tensor> hv =
      first.empty() ? std::vector<Tensor>(count) : gradus::grad(first, keys, directions);
  for (const auto& [name, array] : grads.items()) {
    const Tensor& got = hv[i++];
    compare("hvp " + name,
            got.defined() ? got : gradus::zeros_like(inputs[name]),
            arrays.at("hv." + name));
  }
  return failures;
}

std::vector<std::string> run_procedure(const Json& c, const Arrays& arrays) {
  const Procedure* procedure = find_procedure(c.at("kind"), c.at("op"));
  if (procedure == nullptr) throw Missing{c.at("op")};
  const Arrays got = (*procedure)(c.at("attrs"), arrays);
  std::vector<std::string> failures;
  for (const std::string name : c.at("outputs")) {
    const auto at = got.find(name);
    if (!arrays.contains(name)) continue;
    std::string text = difference(
        name, at == got.end() ? Tensor() : at->second, arrays.at(name), tolerance_of(c, name));
    if (!text.empty()) failures.push_back(std::move(text));
  }
  return failures;
}

}  // namespace

Outcome run(const std::string& folder) {
  std::ifstream file(folder + "/index.json");
  if (!file)
    gradus::detail::fail<gradus::IoError>("oracle",
                                          "expected " + folder + "/index.json, got no such file");
  const Json index = Json::parse(file);
  std::map<std::string, std::map<std::string, Arrays>> files;  // file -> case -> arrays
  Outcome outcome;
  auto& [ran, skipped, failed, initialisers] = outcome;
  for (const Json& c : index.at("cases")) {
    const std::string name = c.at("name"), npz = c.at("file");
    try {
      if (!files.contains(npz)) {
        auto& cases = files[npz];
        for (auto& [member, array] : gradus::data::read_npz(folder + "/" + npz)) {
          const std::size_t slash = member.rfind('/');
          cases[member.substr(0, slash)][member.substr(slash + 1)] = array;
        }
      }
      const Arrays& arrays = files[npz][name];
      const auto failures =
          c.contains("grads") ? run_differentiable(c, arrays) : run_procedure(c, arrays);
      ++ran;
      if (!failures.empty())
        failed.push_back(fmt::format("{}: {}", name, fmt::join(failures, "; ")));
    } catch (const Missing& missing) {
      skipped[missing.what].push_back(name);
    } catch (const std::exception& error) {
      ++ran;
      failed.push_back(fmt::format("{}: {}", name, error.what()));
    }
  }
  for (std::string& text : initialiser_failures(folder, initialisers))
    failed.push_back(std::move(text));
  return outcome;
}

}  // namespace oracle
