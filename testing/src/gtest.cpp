#include "gradus/testing.h"

#include <memory>
#include <string>

namespace gradus::op_suite::detail {
namespace {

using Make = std::function<std::vector<Subject>()>;

class PropertyTest : public ::testing::Test {
 public:
  PropertyTest(const Property& property, std::shared_ptr<Make> make, CallSite site)
      : property_(property), make_(std::move(make)), site_(site) {}

  void TestBody() override {
    try {
      for (const Subject& subject : (*make_)())
        for (const std::string& failure : failures(property_, subject))
          ADD_FAILURE_AT(site_.file, static_cast<int>(site_.line))
              << subject.name << (subject.example.label.empty() ? "" : " ") << subject.example.label << ": " << failure;
    } catch (const Error& error) {
      ADD_FAILURE_AT(site_.file, static_cast<int>(site_.line)) << error.op() << ": " << error.message();
    }
  }

 private:
  const Property& property_;
  std::shared_ptr<Make> make_;
  CallSite site_;  // of the macro
};

}  // namespace

bool register_tests(const char* text, Make make, const char* file, int line) {
  std::string name = text;
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  const auto shared = std::make_shared<Make>(std::move(make));
  for (const Property& property : properties())
    ::testing::RegisterTest(name.c_str(),
                            property.name,
                            nullptr,
                            nullptr,
                            file,
                            line,
                            [&property, shared, file, line]() -> ::testing::Test* {
                              return new PropertyTest(property, shared, {file, static_cast<std::uint32_t>(line)});
                            });
  return true;
}

}  // namespace gradus::op_suite::detail
