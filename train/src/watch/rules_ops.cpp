#include "watch/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

// What is wrong with ops of one's own.

namespace gradus::train {
namespace {

/// One finding a layer: of the op that is furthest off, with the names of the others.
void judge_gradients(const Measurements& seen, const Report& report) {
  for (const OwnOpSeen& op : seen.own_ops) {
    if (!(op.error > report.threshold())) continue;
    std::string others;
    bool worst = true;
    for (const OwnOpSeen& other : seen.own_ops) {
      if (&other == &op || other.layer != op.layer || !(other.error > report.threshold())) continue;
      worst = worst && (other.error < op.error || (other.error == op.error && &op < &other));
      others += (others.empty() ? "; those wrong as well: " : ", ") + other.op;
    }
    if (!worst) continue;
    report.add({.layer = op.layer,
                .site = op.site,
                .value = op.error,
                .text = fmt::format("the rule of {} is off by {:.2g} of the derivative: {} is {:.6g} by the rule, "
                                    "{:.6g} by differences{}",
                                    op.op,
                                    op.error,
                                    op.entry,
                                    op.analytic,
                                    op.numeric,
                                    others)});
  }
}

}  // namespace

std::vector<Rule> rules_of_ops() {
  return {
      {.name = "op-gradient",
       .measures = "how far the rule of an op of one's own is from differences of its values, by the derivative",
       .threshold = 1e-3,
       .severity = Severity::error,
       .advice = "mend its vjp and test it with gradcheck; a gradient that is meant to be another is made with "
                 "stop_gradient or scale_gradient",
       .when = Moment::check,
       .judge = judge_gradients,
       .meaning = "A model learns by what the rules of its ops say, so one wrong rule has all layers before it learn "
                  "something else. Each op that is none of the library's is tried in float64, with the options and on "
                  "the inputs of its call for 4 rows, and said to be wrong if it is so at three points nearby, too; "
                  "ops that are random, step from value to value or need float32 are left out.",
       .example = "a vjp of x^3 that gives g 2 x^2",
       .source = "CS231n, notes 3, on gradient checks; docs/adding-an-op.md"},
  };
}

}  // namespace gradus::train
