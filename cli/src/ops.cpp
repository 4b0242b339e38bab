#include "command.h"
#include "special.h"

#include "gradus/ops/registry.h"

#include <fmt/format.h>

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

namespace gradus::cli {
namespace {

constexpr const char* kUsage =
    "Tells what every op computes, how its rule takes the cotangent g of its result y back, where "
    "the tests draw its inputs from, and what it keeps for the rule; or what it gives at zeros, "
    "infinities, NaN and the ends of both dtypes.\n\n"
    "usage: gradus ops [NAME] [options]";

constexpr const char* kExamples =
    "NAME is a part of the names of the ops to show. With --special, the exit code is 1 if a result "
    "is not as specified.\n\n"
    "examples\n"
    "  gradus ops softmax\n"
    "  gradus ops --special exp\n"
    "  gradus ops --markdown > ops.md\n";

constexpr const char* kHeading =
    "# Every op\n\n"
    "With this page you can look up what each op computes, what its gradient is, where tests draw its "
    "inputs from, and what its rule keeps.\n\n"
    "What `gradus ops --markdown` prints; a test keeps it so. x, a, b, … are the inputs in order, "
    "y is the result, g its cotangent, and the\n"
    "gradients are those of the inputs that can take one. σ is the sigmoid, Φ and φ are the "
    "standard normal distribution and its density,\n"
    "x̂ is x normalised, and [c] is 1 where c holds, else 0. Inputs that were broadcast get their "
    "gradient summed. The domain is where tests\n"
    "draw inputs from, with the points in it that have no derivative. What the rule needs is kept "
    "only while some input requires a gradient; an\n"
    "op made of others keeps what they keep. `gradus ops --special NAME` prints what an op gives at "
    "zeros, infinities, NaN and the ends of both dtypes,\n"
    "and by how many units in the last place it may be off ([decision 0008](decisions/0008-borders.md)).\n\n"
    "| op | value | gradient | domain | saved |\n|---|---|---|---|---|\n";

std::string domain_text(const OpEntry& entry) {
  const std::vector<Example> examples = entry.examples();
  if (examples.empty()) return "";
  for (const Sample& sample : examples[0].inputs) {
    if (!sample.takes_gradient()) continue;
    std::string text = fmt::format("[{}, {}]", sample.domain.low, sample.domain.high);
    const char* before = ", not at ";
    for (const double kink : sample.domain.kinks) {
      if (std::isnan(kink)) continue;
      text += fmt::format("{}{}", before, kink);
      before = ", ";
    }
    return text;
  }
  return "any";
}

std::string saved_text(const OpEntry& entry) {
  if (entry.op == nullptr) return "by parts";
  const OpInfo& info = entry.op->info;
  if (!info.differentiable) return "-";
  std::string text;
  const auto add = [&](std::string_view what) { text += (text.empty() ? "" : ", ") + std::string(what); };
  constexpr Saves kInputs[] = {Saves::input0, Saves::input1, Saves::input2, Saves::input3};
  if ((static_cast<unsigned>(info.saves) & 0xff) == 0xff && info.arity != 1)
    add("inputs");
  else
    for (int i = 0; i < 4; ++i)
      if (contains(info.saves, kInputs[i]) && (info.arity == kVariadic || i < info.arity))
        add(info.arity == 1 ? "input" : fmt::format("input {}", i));
  if (contains(info.saves, Saves::output)) add("result");
  if (contains(info.saves, Saves::extras)) add("extras");
  return text.empty() ? "nothing" : text;
}

}  // namespace

int run_ops(const std::vector<std::string>& arguments) {
  po::options_description known("");
  known.add_options()("markdown", po::bool_switch(), "as the table in docs/ops.md")(
      "special", po::bool_switch(), "results at special numbers, and units in the last place");
  const Options options("ops", known, arguments, kUsage, kExamples, 1);
  if (options.help_shown()) return 0;
  const std::string filter = options.arguments().empty() ? "" : options.arguments()[0];
  const bool markdown = options.has("markdown");
  if (options.has("special")) {
    if (markdown) throw UsageError("ops: expected --markdown or --special, got both");
    return print_special(filter) ? 0 : 1;
  }

  if (markdown) fmt::print("{}", kHeading);
  int shown = 0;
  for (const OpEntry& entry : all_ops()) {
    const std::string_view name = entry.name;
    if (name.find(filter) == std::string_view::npos) continue;
    ++shown;
    const Formula& f = entry.formula;
    if (markdown)
      fmt::print("| `{}` | {} | {} | {} | {} |\n",
                 name,
                 table_cell(f.value),
                 table_cell(f.gradient),
                 domain_text(entry),
                 saved_text(entry));
    else
      fmt::print("{}\n  value     {}\n  gradient  {}\n  domain    {}\n  saved     {}\n",
                 name,
                 f.value,
                 f.gradient,
                 domain_text(entry),
                 saved_text(entry));
  }
  if (shown == 0)
    throw UsageError(
        fmt::format("ops: {}", gradus::detail::unknown_word("a part of the name of an op", filter, all_ops())));
  return 0;
}

}  // namespace gradus::cli
