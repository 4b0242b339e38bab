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

double Call::number(const char* key, double otherwise) const { return has(key) ? number(key) : otherwise; }

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
  static const std::regex said(R"((?:compare[^.;]*? to|tolerance(?: of)?|within) ([0-9][0-9.]*e-[0-9]+))");
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
std::string difference(const std::string& what, const Tensor& got, const Tensor& want, Tolerance tolerance) {
  if (!got.defined()) return what + ": missing";
  if (got.shape() != want.shape())
    return fmt::format("{}: shape {}, expected {}", what, to_string(got.shape()), to_string(want.shape()));
  if (is_floating(got.dtype()) != is_floating(want.dtype()))
    return fmt::format("{}: {}, expected {}", what, to_string(got.dtype()), to_string(want.dtype()));
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
  return fmt::format("{}[{}]: {:.12g}, expected {:.12g} ({:.2g} times the tolerance)", what, at, a[at], b[at], worst);
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

/// One differentiable case.
class Differentiable {
 public:
  Differentiable(const Json& c, const Arrays& arrays) : c_(c), arrays_(arrays) {}
  /// The failures found.
  std::vector<std::string> run() {
    make_inputs();
    if (compare_outputs(evaluate())) compare_gradients();
    return std::move(failures_);
  }

 private:
  void compare(const std::string& what, const Tensor& got, const Tensor& want) {
    std::string text = difference(what, got, want, tolerance_of(c_, what));
    if (!text.empty()) failures_.push_back(std::move(text));
  }
  const Tensor& array(const Json& name) const { return arrays_.at(name.get<std::string>()); }

  void make_inputs() {
    for (const std::string name : c_.at("inputs")) {
      Tensor x = gradus::clone(arrays_.at(name));
      if (views_.contains(name)) {
        Tensor base = gradus::clone(array(views_[name].at("base")));
        if (grads_.contains(name)) gradus::set_requires_grad(base);
        bases_[name] = base;
        x = apply_steps(base, views_[name].at("steps"));
        compare("view " + name, x, arrays_.at(name));
      } else if (grads_.contains(name)) {
        gradus::set_requires_grad(x);
      }
      inputs_[name] = x;
    }
  }

  std::vector<Tensor> evaluate() const {
    if (c_.at("kind") == "program") {
      const std::string missing = missing_in_program(c_.at("program"));
      if (!missing.empty()) throw Missing{missing};
      return run_program(c_.at("program"), c_.at("attrs").at("result"), inputs_);
    }
    const Function* function = find_function(c_.at("op"));
    if (function == nullptr) throw Missing{c_.at("op")};
    Json attrs = c_.at("attrs");
    attrs["note"] = c_.value("note", "");  // which may change what is computed
    return (*function)(Call(attrs, inputs_, c_.at("inputs").get<std::vector<std::string>>()));
  }

  /// Whether there are gradients to look at.
  bool compare_outputs(const std::vector<Tensor>& outputs) {
    for (std::size_t k = 0; k < c_.at("outputs").size(); ++k) {
      const std::string name = c_.at("outputs")[k];
      if (k >= outputs.size()) {
        failures_.push_back(name + ": missing");
        continue;
      }
      compare(name, outputs[k], arrays_.at(name));
      if (!c_.at("cotangents").contains(name) || !requires_grad(outputs[k])) continue;
      results_.push_back(outputs[k]);
      cotangents_.push_back(array(c_.at("cotangents").at(name)));
      if (cotangents_.back().shape() != outputs[k].shape()) return false;
    }
    if (!results_.empty()) return !grads_.empty();
    for (const auto& [name, want] : grads_.items())
      compare("grad " + name, gradus::zeros_like(inputs_[name]), array(want));
    return false;
  }

  void compare_gradients() {
    std::vector<Tensor> wanted;
    for (const auto& [name, want] : grads_.items()) wanted.push_back(inputs_[name]);
    const std::vector<Tensor> keys = wanted;
    for (const auto& [name, base] : bases_)
      if (grads_.contains(name)) wanted.push_back(base);
    const bool second = c_.value("hvp", false);
    // Once as a training step does it, and once recorded: the rules may take different ways.
    const auto plain = gradus::grad(results_, wanted, cotangents_, {.retain_graph = true});
    const auto recorded = second ? gradus::grad(results_, wanted, cotangents_, {.create_graph = true}) : plain;
    std::size_t i = 0;
    for (const auto& [name, want] : grads_.items()) {
      compare("grad " + name, plain[i], array(want));
      if (second) compare("recorded grad " + name, recorded[i], array(want));
      ++i;
    }
    for (const auto& [name, base] : bases_)
      if (grads_.contains(name)) compare("grad of the base of " + name, plain[i++], array(views_[name].at("grad")));
    if (second) compare_second(keys, recorded);
  }

  /// Hessians times the directions "v.x".
  void compare_second(const std::vector<Tensor>& keys, const std::vector<Tensor>& gradients) {
    std::vector<Tensor> first, directions;
    std::size_t i = 0;
    for (const auto& [name, want] : grads_.items()) {
      const Tensor& g = gradients[i++];
      if (!requires_grad(g)) continue;
      first.push_back(g);
      directions.push_back(arrays_.at("v." + name));
    }
    const std::vector<Tensor> hv =
        first.empty() ? std::vector<Tensor>(keys.size()) : gradus::grad(first, keys, directions);
    i = 0;
    for (const auto& [name, want] : grads_.items()) {
      const Tensor& got = hv[i++];
      compare("hvp " + name, got.defined() ? got : gradus::zeros_like(inputs_[name]), arrays_.at("hv." + name));
    }
  }

  const Json& c_;
  const Arrays& arrays_;
  const Json grads_ = c_.at("grads"), views_ = c_.value("views", Json::object());
  Arrays inputs_, bases_;
  std::vector<Tensor> results_, cotangents_;
  std::vector<std::string> failures_;
};

std::vector<std::string> run_procedure(const Json& c, const Arrays& arrays) {
  const Procedure* procedure = find_procedure(c.at("kind"), c.at("op"));
  if (procedure == nullptr) throw Missing{c.at("op")};
  const Arrays got = (*procedure)(c.at("attrs"), arrays);
  std::vector<std::string> failures;
  for (const std::string name : c.at("outputs")) {
    const auto at = got.find(name);
    if (!arrays.contains(name)) continue;
    std::string text =
        difference(name, at == got.end() ? Tensor() : at->second, arrays.at(name), tolerance_of(c, name));
    if (!text.empty()) failures.push_back(std::move(text));
  }
  return failures;
}

}  // namespace

Outcome run(const std::string& folder) {
  std::ifstream file(folder + "/index.json");
  if (!file) gradus::detail::fail<gradus::IoError>("oracle", "expected " + folder + "/index.json, got no such file");
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
      const auto failures = c.contains("grads") ? Differentiable(c, arrays).run() : run_procedure(c, arrays);
      ++ran;
      if (!failures.empty()) failed.push_back(fmt::format("{}: {}", name, fmt::join(failures, "; ")));
    } catch (const Missing& missing) {
      skipped[missing.what].push_back(name);
    } catch (const std::exception& error) {
      ++ran;
      failed.push_back(fmt::format("{}: {}", name, error.what()));
    }
  }
  for (std::string& text : initialiser_failures(folder, initialisers)) failed.push_back(std::move(text));
  return outcome;
}

}  // namespace oracle
