// Compares the tables of layers.md with the headers: every module has a row, and every struct of options its options.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::smatch> matches(const std::string& text, const std::regex& pattern) {
  return {std::sregex_iterator(text.begin(), text.end(), pattern), {}};
}

std::string headers(const std::string& room) {
  std::string all;
  for (const auto& entry : fs::directory_iterator(fs::path(SOURCE_DIR) / room / "include" / "gradus" / room))
    all += read(entry.path());
  return all;
}

/// The page's rows: from each name in a first cell to the whole line.
std::multimap<std::string, std::string> rows() {
  std::multimap<std::string, std::string> result;
  std::ifstream page(fs::path(SOURCE_DIR) / "docs" / "layers.md");
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| `")) continue;
    const std::string first = line.substr(0, line.find('|', 1));
    for (const std::smatch& name : matches(first, std::regex("`(\\w+)`"))) result.emplace(name[1], line);
  }
  return result;
}

TEST(LayersTable, HasEveryModule) {
  const auto named = rows();
  const std::string all = headers("nn");
  const std::regex module("(?:struct|class) (\\w+) : (?:public )?(?:Module|detail::\\w+)<(\\w+)[<,>]");
  int seen = 0;
  for (const std::smatch& found : matches(all, module)) {
    // Not bases of others, nor what a Sequential makes of functions.
    if (found[1] != found[2] || found[1] == "Function") continue;
    EXPECT_TRUE(named.contains(found[1])) << found[1];
    ++seen;
  }
  EXPECT_GT(seen, 100);
}

/// "padding" and "kernel = 3" for each field of each struct of options.
std::map<std::string, std::vector<std::string>> options(const std::string& all) {
  std::map<std::string, std::vector<std::string>> result;
  // libstdc++'s std::regex recurses for each character, so structs are cut out by hand.
  const std::regex head("struct (\\w+Options) \\{\n"), field("(\\w+)\\)?(\\([^;]*\\))?( = [^;]*|\\{\\})?;$");
  for (const std::smatch& found : matches(all, head)) {
    const auto from = static_cast<std::size_t>(found.position() + found.length());
    std::string body = all.substr(from, all.find("\n};", from) - from) + "\n";
    while (!body.empty()) {
      std::string line = body.substr(0, body.find('\n'));
      body.erase(0, line.size() + 1);
      line = line.substr(0, line.find("//"));
      line.erase(line.find_last_not_of(' ') + 1);
      std::smatch part;
      if (line.find("[[") != std::string::npos || !std::regex_search(line, part, field)) continue;
      std::string value = part[3].str().starts_with(" =") && part[3] != " = {}" ? part[3].str() : "";
      // Several of one type: "double alpha = 1e-4, beta = 0.75".
      std::string list = part[1].str() + value;
      for (std::size_t comma; (comma = list.find(", ")) != std::string::npos; list.erase(0, comma + 2))
        result[found[1]].push_back(list.substr(0, comma));
      result[found[1]].push_back(list);
    }
  }
  return result;
}

TEST(LayersTable, HasEveryOption) {
  const auto named = rows();
  const std::string layers = headers("nn");
  const auto known = options(layers + headers("ops"));
  const std::set<std::string> others{
      "ConvOptions", "ConvTransposeOptions", "HeOptions", "LoadOptions"};  // of ops, initialisers and files
  std::set<std::string> used;
  for (const std::smatch& found : matches(layers, std::regex("\\b(\\w+Options)\\b")))
    if (!others.contains(found[1])) used.insert(found[1]);
  EXPECT_GT(used.size(), 30u);
  for (const std::string& name : used) {
    const auto row = named.find(name);
    ASSERT_NE(row, named.end()) << name;
    const auto fields = known.find(name == "TransformerDecoderLayerOptions" ? "TransformerEncoderLayerOptions" : name);
    ASSERT_NE(fields, known.end()) << name;
    for (const std::string& field : fields->second)
      EXPECT_NE(row->second.find("`" + field + "`"), std::string::npos) << name << ": " << field;
    EXPECT_EQ(static_cast<std::size_t>(std::count(row->second.begin(), row->second.end(), '`') / 2),
              fields->second.size() + matches(row->second, std::regex("Options`")).size())
        << row->second;
  }
}

}  // namespace
