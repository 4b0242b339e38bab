#include "gradus/testing.h"

#include <gtest/gtest.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace gradus {
namespace {

using op_suite::Property;
using op_suite::Subject;

/// A name that gtest takes: letters, digits and _.
std::string identifier(const std::string& text) {
  std::string result;
  for (char c : text) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0;
    if (plain)
      result += c;
    else if (c == '-')
      result += 'm';
    else if (!result.empty() && result.back() != '_')
      result += '_';
  }
  return result;
}

// ---- every op, every property --------------------------------------------------------------------

const std::vector<Subject>& all_subjects() {
  static const std::vector<Subject> all = [] {
    std::vector<Subject> result;
    for (const OpEntry& entry : all_ops())
      for (Subject& s : op_suite::subjects(entry)) result.push_back(std::move(s));
    return result;
  }();
  return all;
}

class EveryOp : public testing::TestWithParam<std::size_t> {
 protected:
  void check(const char* name) {
    for (const Property& p : op_suite::properties())
      if (p.name == std::string(name))
        for (const std::string& failure : op_suite::failures(p, all_subjects()[GetParam()]))
          ADD_FAILURE() << p.meaning << ", but: " << failure;
  }
};

TEST_P(EveryOp, Holds) {
  for (const Property& p : op_suite::properties()) {
    SCOPED_TRACE(p.name);
    for (const std::string& failure : op_suite::failures(p, all_subjects()[GetParam()]))
      ADD_FAILURE() << p.name << ": " << failure;
  }
}

INSTANTIATE_TEST_SUITE_P(Ops,
                         EveryOp,
                         testing::Range(std::size_t{0}, all_subjects().size()),
                         [](const auto& instance) {
                           const Subject& s = all_subjects()[instance.param];
                           return identifier(s.name + "_" + s.example.label) + "_" +
                                  std::to_string(instance.param);
                         });

}  // namespace
}  // namespace gradus
