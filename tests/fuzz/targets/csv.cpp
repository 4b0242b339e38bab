#include "target.h"

#include "gradus/data/loader.h"
#include "gradus/data/readers.h"

namespace gradus::fuzz {
namespace {

const Registered kPoint{{
    .name = "csv",
    .file = "names.csv",
    .seeds = [](const TempFolder&) -> std::vector<std::string> {
      const std::string names = "width,\"a \"\"b\"\"\",kind\n1.5,2,x\n-3e1,+4,y\n\n5,6,x\n";
      return {names, "2,2,no,yes\n1,2,0\n3,4,1\n", "1,2,3\n4,5,6\n", data::gzipped(names)};
    },
    .read = [](const std::string& path) { data::csv(path); },
    .per_byte = 2000,  // gzipped, a byte can become a thousand
    .words = {"1.5", "-3e1", "\"\"", "1,2,0\n"},
}};

const Registered kStreamed{{
    .name = "csv_source",
    .file = "streamed.csv",
    .seeds = [](const TempFolder&) -> std::vector<std::string> {
      return {"width,\"a \"\"b\"\"\",kind\n1.5,2,x\n-3e1,+4,y\n\n5,6,x\n", "2,2,no,yes\n1,2,0\n3,4,1\n"};
    },
    .read =
        [](const std::string& path) {
          const data::Source source = data::csv_source(path);
          data::Loader(source, {.batch = source.size}).begin();
        },
    .per_byte = 2000,
    .words = {"1.5", "-3e1", "\"\"", "1,2,0\n"},
}};

const Registered kComma{{
    .name = "csv_comma",
    .file = "comma.csv",
    .seeds = [](const TempFolder&) -> std::vector<std::string> { return {"1,5;2;3\n4;5,25;6\n", ";\"2\";+3\n"}; },
    .read =
        [](const std::string& path) {
          data::csv(path, {.delimiter = ';', .regression = true, .missing = {""}, .decimal = ','});
        },
    .per_byte = 2000,
    .words = {"1,5", "-3e1", ";;", "\"\""},
}};

const Registered kBlanks{{
    .name = "csv_blanks",
    .file = "blanks.csv",
    .seeds = [](const TempFolder&) -> std::vector<std::string> {
      return {"a b\tkind\n1  2 \"x y\"\n  3 4 z\n", "1 2 0\n"};
    },
    .read = [](const std::string& path) { data::csv(path, {.delimiter = ' '}); },
    .per_byte = 2000,
    .words = {"1.5", "  ", "\t", "\"\""},
}};

}  // namespace
}  // namespace gradus::fuzz
