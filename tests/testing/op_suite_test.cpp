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

class EveryOp : public testing::TestWithParam<std::size_t> {};

TEST_P(EveryOp, Holds) {
  for (const Property& p : op_suite::properties())
    for (const std::string& failure : op_suite::failures(p, all_subjects()[GetParam()]))
      ADD_FAILURE() << p.name << " (" << p.meaning << "): " << failure;
}

INSTANTIATE_TEST_SUITE_P(Ops, EveryOp, testing::Range(std::size_t{0}, all_subjects().size()), [](const auto& instance) {
  const Subject& s = all_subjects()[instance.param];
  return identifier(s.name + "_" + s.example.label) + "_" + std::to_string(instance.param);
});

TEST(OpTable, NamesAreUniqueAndEveryOpHasExamples) {
  std::set<std::string> names;
  for (const OpEntry& entry : all_ops()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name << " stands in the table twice";
    EXPECT_FALSE(entry.examples().empty()) << entry.name << " has no example";
    EXPECT_STREQ(entry.op != nullptr ? entry.op->info.name : entry.name, entry.name);
  }
}

/// An example that never runs the op it stands for would test nothing.
TEST(OpTable, ExamplesUseTheirOp) {
  for (const OpEntry& entry : all_ops()) {
    if (entry.op == nullptr || !entry.op->info.differentiable) continue;
    bool used = false;
    for (const Subject& s : op_suite::subjects(entry)) {
      for (const OpClass* op : op_suite::recorded_ops(s)) used = used || op == entry.op;
    }
    EXPECT_TRUE(used) << "no example of " << entry.name << " records it";
  }
}

// ---- every public function is in the table -------------------------------------------------------

struct Function {
  std::string name, body;
};

/// Functions in a header that give tensors, outside detail and other inner namespaces and classes.
std::vector<Function> public_functions(const std::filesystem::path& path) {
  std::stringstream buffer;
  buffer << std::ifstream(path).rdbuf();
  std::string text = std::regex_replace(buffer.str(), std::regex("//[^\n]*|#[^\n]*"), "");
  static const std::regex kDeclaration(
      R"(^[^=(]*\b(?:Tensor|std::vector<Tensor>|Tensors|std::pair<Tensor,\s*Tensor>|std::tuple<Tensor[^>]*>)\s+(operator\s*[^\s(]+|\w+)\s*\()");
  static const std::regex kNamespace(R"(namespace\s+([\w:]+)\s*$)");
  std::vector<Function> found;
  std::vector<bool> visible;  // one an open brace
  std::string declaration;
  const auto end_of = [&](std::size_t open) {
    int depth = 0;
    for (std::size_t i = open; i < text.size(); ++i) {
      depth += text[i] == '{' ? 1 : text[i] == '}' ? -1 : 0;
      if (depth == 0) return i;
    }
    return text.size();
  };
  const auto finish = [&](const std::string& body) {
    std::smatch match;
    if (std::regex_search(declaration, match, kDeclaration)) found.push_back({match[1], body});
    declaration.clear();
  };
  int parentheses = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    parentheses += c == '(' ? 1 : c == ')' ? -1 : 0;
    std::smatch match;
    if (c == '{' && parentheses == 0) {
      if (std::regex_search(declaration, match, kNamespace) && match[1] == "gradus") {
        declaration.clear();
        continue;
      }
      const std::size_t end = end_of(i);
      finish(text.substr(i, end - i));
      i = end;
    } else if (c == ';' && parentheses == 0) {
      finish("");
    } else if (c != '}') {
      declaration += c;
    }
  }
  return found;
}

TEST(OpTable, HoldsEveryPublicFunction) {
  const char* root = std::getenv("GRADUS_SOURCE_DIR");
  if (root == nullptr) GTEST_SKIP() << "GRADUS_SOURCE_DIR is not set";
  std::set<std::string> names;
  for (const OpEntry& entry : all_ops()) names.insert(entry.name);
  std::size_t count = 0;
  for (const auto& file : std::filesystem::directory_iterator(std::filesystem::path(root) / "ops/include/gradus/ops")) {
    for (const Function& f : public_functions(file.path())) {
      ++count;
      if (f.name.rfind("operator", 0) != 0) {
        EXPECT_TRUE(names.contains(f.name))
            << f.name << " of " << file.path().filename() << " is not in its family's table";
        continue;
      }
      std::smatch call;  // an operator is another name for an op
      const bool calls = std::regex_search(f.body, call, std::regex(R"(return\s+(\w+)\()"));
      EXPECT_TRUE(calls && names.contains(call[1]))
          << f.name << " of " << file.path().filename() << " calls no op of the table";
    }
  }
  EXPECT_GT(count, 100U) << "the headers were not read";
}

}  // namespace
}  // namespace gradus
