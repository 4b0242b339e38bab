#include "gradus/tensor/error.h"

#include "gradus/tensor/dtype.h"
#include "gradus/tensor/tensor.h"

#include <fmt/format.h>

namespace gradus {

std::string to_string(CallSite site) {
  if (site.file == nullptr) return {};
  const std::string_view path = site.file;
  return fmt::format("{}:{}", path.substr(path.find_last_of('/') + 1), site.line);
}

/// Names in files may hold control characters, which are spelled: a NUL would end `what()`, others reach a terminal.
static std::string printable(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const bool is_control = (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
    result += is_control ? fmt::format("\\x{:02x}", static_cast<unsigned char>(c)) : std::string(1, c);
  }
  return result;
}

static std::string compose(const std::string& op, const std::string& message, const std::string& scope, CallSite site) {
  std::string text = op + ": " + message;
  if (!scope.empty() || site.file != nullptr) text += "\n ";
  if (!scope.empty()) text += " in " + scope;
  if (site.file != nullptr) text += " at " + to_string(site);
  return text;
}

Error::Error(std::string op, const std::string& message, std::string scope, CallSite site)
    : std::runtime_error(printable(compose(op, message, scope, site))),
      op_(std::move(op)),
      scope_(std::move(scope)),
      message_(printable(message)),
      site_(site) {}

const char* to_string(DType dtype) {
  switch (dtype) {
    case DType::float32: return "float32";
    case DType::float64: return "float64";
    case DType::int64: return "int64";
    case DType::boolean: return "bool";
  }
  return "?";
}

namespace detail {

thread_local constinit Context context;
constinit std::atomic<ScopeText> scope_text = nullptr;

template <class E>
void fail(std::string_view op, const std::string& message, CallSite site) {
  std::string scope;
  if (const ScopeText text = scope_text; text != nullptr && context.scope != nullptr) scope = text(context.scope);
  std::string name(op);
  if (context.backward_of != nullptr && name != context.backward_of)
    name = fmt::format("{} (backward of {})", op, context.backward_of);
  throw E(std::move(name), message, std::move(scope), context.pinned ? context.site : site);
}

// GCC forgets the visibility of a template where it is instantiated.
template GRADUS_EXPORT void fail<ShapeError>(std::string_view, const std::string&, CallSite);
template GRADUS_EXPORT void fail<DTypeError>(std::string_view, const std::string&, CallSite);
template GRADUS_EXPORT void fail<IndexError>(std::string_view, const std::string&, CallSite);
template GRADUS_EXPORT void fail<ArgumentError>(std::string_view, const std::string&, CallSite);
template GRADUS_EXPORT void fail<GradientError>(std::string_view, const std::string&, CallSite);
template GRADUS_EXPORT void fail<IoError>(std::string_view, const std::string&, CallSite);

void fail_dtype(const char* op, DType expected, DType got, CallSite site) {
  fail<DTypeError>(op, fmt::format("expected {}, got {}", to_string(expected), to_string(got)), site);
}

void fail_undefined(const char* op) {
  fail<ArgumentError>(op, "expected a tensor, got an undefined one (default-constructed)");
}

}  // namespace detail
}  // namespace gradus
